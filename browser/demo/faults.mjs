/** The buttons that break things, each as truly as a page can. What they do is told to people under "What these really do". */
import { byId, svg } from "./dom.mjs";
import { ICONS } from "./icons.mjs";
import { PROTOCOL } from "./weft/protocol.mjs";

/** checkout_browser.py looks for a cache of this name before each request. A cache outlives tabs, and workers can see it. */
const CABLE = "weft-demo-cable";

/** Workers made by this page, so that "Crash this tab" can stop them as abruptly as a dying process does. @type {Worker[]} */
const workers = [];
globalThis.Worker = class extends Worker {
  /** @param {string | URL} url @param {WorkerOptions} [options] */
  constructor(url, options) {
    super(url, options);
    workers.push(this);
  }
};

/** End the engine's thread in the middle of what it does and leave the page without a word to anyone. @param {string} run */
function crashTab(run) {
  for (const worker of workers) worker.terminate();
  const here = new URL("./", document.baseURI);
  location.replace(new URL(`crashed.html${location.search}#${encodeURIComponent(run)}`, here).href);
}

/**
 * A browser lets go of a service worker that has nothing to do. What the page asks of its store meanwhile starts the old one again; then it should
 * take half a minute of quiet. Chromium with a debugger attached was seen never to let go of such a one.
 */
const PATIENCE_MS = 60_000;

/**
 * A page cannot stop a service worker, but the browser does when another script takes its place: the same file under another query.
 * @param {string} script @returns {Promise<string>} what happened
 */
async function killServiceWorker(script) {
  const before = await navigator.serviceWorker?.getRegistration();
  const old = before?.active;
  if (!old) return "There is no service worker to kill.";
  const url = new URL(script, document.baseURI);
  url.searchParams.set("restart", Date.now().toString(36));
  const scope = before.scope;
  let fresh;
  try {
    fresh = await navigator.serviceWorker.register(url, { type: "module", scope });
  } catch {
    return "The browser could not fetch the script, so the old one lives. (Is the server gone? Then stop it in chrome://serviceworker-internals.)";
  }
  const next = fresh.installing ?? fresh.waiting;
  next?.addEventListener("statechange", () => next.state === "installed" && next.postMessage({ v: PROTOCOL, t: "activate" }));
  if (next?.state === "installed") next.postMessage({ v: PROTOCOL, t: "activate" });
  const gone = await new Promise((resolve) => {
    const look = () => old.state === "redundant" && resolve(true);
    setTimeout(() => resolve(false), PATIENCE_MS);
    old.addEventListener("statechange", look);
    look();
  });
  if (!gone) return "The browser has not let go of the old service worker yet: a fresh one waits until it does, or until every tab of this page is closed.";
  return "The service worker was stopped and a fresh one started. Nothing was lost: it keeps no state.";
}

/** @param {{script: string, selected: () => string, onCable: (cut: boolean) => void}} page */
export async function wireFaults({ script, selected, onCable }) {
  const hint = byId("fault-hint");
  label("crash", "skull", "Crash this tab");
  label("kill-sw", "bolt", "Kill service worker");
  byId("crash").addEventListener("click", () => crashTab(selected()));
  byId("kill-sw").addEventListener("click", async () => {
    hint.textContent = "Stopping the service worker…";
    hint.textContent = await killServiceWorker(script);
  });

  const showCable = (cut) => {
    label("offline", "plug", cut ? "Go online" : "Go offline", cut);
    onCable(cut);
  };
  byId("offline").addEventListener("click", async () => {
    const cut = !(await caches.has(CABLE));
    if (cut) await caches.open(CABLE);
    else await caches.delete(CABLE);
    showCable(cut);
    hint.textContent = cut ? "The cable is cut. Orders still go through this page; their requests wait for the network." : "Back online: what waited goes out now, once.";
  });
  showCable(await caches.has(CABLE));

  let flaky = false;
  label("flaky", "cloud", "Unreliable shop", flaky);
  byId("flaky").addEventListener("click", async () => {
    try {
      await fetch(new URL("api/weather", document.baseURI), { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ fail_every: flaky ? 0 : 2 }) });
    } catch {
      hint.textContent = "The shop cannot be reached at all: that is as unreliable as it gets.";
      return;
    }
    flaky = !flaky;
    label("flaky", "cloud", "Unreliable shop", flaky);
    hint.textContent = flaky ? "Every second request now gets “503, try again”." : "The shop is reliable again.";
  });
}

function label(id, icon, text, pressed) {
  const button = byId(id);
  button.replaceChildren(svg(ICONS[icon]), text);
  if (pressed !== undefined) button.setAttribute("aria-pressed", String(pressed));
}

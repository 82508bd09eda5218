/** The page of the end-to-end tests: opens Weft as the query says and keeps what it sees. */
import { stand } from "./relay.mjs";
import { Weft } from "./weft/client.mjs";

const query = new URLSearchParams(location.search);
const files = (name) => (query.get(name) ?? "").split(",").filter(Boolean).map((file) => `./${file}`);

/** What the page gives for tokens of its server, one after the other. */
const tokens = query.get("tokens")?.split(",") ?? [undefined];

/** Whether this browser keeps a snapshot of Python. */
async function kept() {
  const files = await navigator.storage?.getDirectory?.().catch(() => null);
  for await (const [name, folder] of files?.entries() ?? [])
    if (name.startsWith("weft-python")) for await (const _ of folder.keys()) return true;
  return false;
}

if (query.has("relay")) stand();
globalThis.weftEvents = [];
globalThis.weftStatuses = [];
globalThis.weftErrors = [];
/** Resolves to a text if something failed that nobody waited for. */
addEventListener("unhandledrejection", ({ reason }) => globalThis.weftErrors.push(String(reason?.message ?? reason)));

/** @type {Set<() => void>} woken by each event and each change of status */
const wakers = new Set();
const wake = () => wakers.forEach((waker) => waker());

/**
 * Look at `condition` now, after each event or status, and every 50 ms for what neither announces.
 * @param {(arg: any) => any} condition @param {any} arg @param {number} timeout
 */
globalThis.weftUntil = async (condition, arg, timeout) => {
  const end = performance.now() + timeout;
  for (;;) {
    const value = await condition(arg);
    if (value) return value;
    if (performance.now() > end) {
      const seen = globalThis.weftEvents.slice(-8).map((event) => `${event.run_id} ${event.seq} ${event.type}`);
      throw new Error(`not in ${timeout} ms: ${condition}\nstatus: ${JSON.stringify(globalThis.weft?.status)}\nlast events: ${seen.join("; ")}`);
    }
    await new Promise((resolve) => {
      const timer = setTimeout(done, 50);
      function done() {
        clearTimeout(timer);
        wakers.delete(done);
        resolve(undefined);
      }
      wakers.add(done);
    });
  }
};

/** Resolves when the Service Worker controls this page and its cache is whole. */
globalThis.weftOffline = async () => {
  await navigator.serviceWorker.ready;
  await globalThis.weftUntil(async () => navigator.serviceWorker.controller?.state === "activated" && (await caches.match("./weft/manifest.json")), null, 60_000);
};

globalThis.weftOpen = kept().then((snapshot) => Weft.open({
  base: "./weft/",
  workflows: files("workflows"),
  activities: files("activities"),
  name: query.get("name") ?? "e2e",
  storage: query.get("storage") ?? "direct",
  serviceWorker: query.get("serviceWorker") === "none" ? null : "./sw.mjs",
  ...(query.has("server") && { server: { url: query.get("server"), token: () => (tokens.length > 1 ? tokens.shift() : tokens[0]) } }),
  ...(query.has("loopLimit") && { loopLimit: Number(query.get("loopLimit")) }),
  ...(query.has("heapLimitMB") && { heapLimitMB: Number(query.get("heapLimitMB")) }),
  snapshot: query.get("snapshot") ?? (snapshot ? "auto" : "off"), // making one takes a processor for two seconds
  requireDurable: query.has("requireDurable"),
  deadlineMs: 90_000, // a machine that is busy is no reason for a test to fail
  standby: query.get("standby") ?? "warm",
  reloadOnUpdate: query.get("reload") !== "none",
  onUpdateAvailable: (update) => {
    globalThis.weftUpdate = update;
    wake();
  },
  onStatus: (status) => {
    globalThis.weftStatuses.push({ at: performance.timeOrigin + performance.now(), ...status });
    wake();
  },
})).then((weft) => {
  globalThis.weft = weft;
  void (async () => {
    for await (const event of weft.tail(null)) {
      globalThis.weftEvents.push(event);
      wake();
    }
  })();
});
globalThis.weftOpen.catch(() => {}); // the tests ask for it

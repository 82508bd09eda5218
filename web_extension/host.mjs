/**
 * Where the engine lives. Chromium's background may have no worker, so there it is in an offscreen document; Firefox's background is a page and
 * has it itself. Either way the browser may end it at any time, and `ensureEngine()` brings it back.
 */
import { left } from "./weft/left_calls.mjs";
import { wakeAt } from "./alarms.mjs";
import { api } from "./api.mjs";
import { STORE } from "./workflows.mjs";

const LOCK = "weft:host";
const DOCUMENT = { url: "offscreen.html", reasons: ["WORKERS"], justification: "Runs durable workflows in a worker, also while no page is open." };

const offscreen = {
  there: () => api.offscreen.hasDocument(),
  open: () => api.offscreen.createDocument(DOCUMENT),
  close: () => api.offscreen.closeDocument(),
};

/** @type {Promise<() => void> | null} ends the engine of this page */ let running = null;
const eventPage = {
  there: async () => running !== null,
  async open() {
    const { runEngine } = await import("./engine_page.mjs"); // a Service Worker may not import later, and has no page
    running = runEngine((message) => void parked(message));
  },
  async close() {
    (await running)?.();
    running = null;
  },
};

const host = api.offscreen ? offscreen : eventPage;

/** One change at a time: Chromium allows one document, and two that are made at once are an error. @param {() => Promise<void>} change */
const alone = async (change) => void (await navigator.locks.request(LOCK, change));

/** An engine runs, or begins to. It is told that something may have been left for it. */
export function ensureEngine() {
  return alone(async () => {
    if (!(await host.there())) return host.open();
    const channel = new BroadcastChannel(`weft:${STORE}`);
    channel.postMessage({ v: 1, t: "left" });
    channel.close();
  });
}

/** The engine had nothing to do before `next`, and has ended. @param {{next: number | null}} message epoch ms */
export function parked({ next }) {
  return alone(async () => {
    await host.close();
    if (await left(STORE)) return host.open(); // was left meanwhile
    await wakeAt(next);
  });
}

/**
 * Where the engine lives. Chromium's background may have no worker, so there it is in an offscreen document; Firefox's background is a page and
 * has it itself. Either way the browser may end it at any time, and `ensureEngine()` brings it back.
 */
import { left } from "../weft/left_calls.mjs";
import { wakeAt, wakeWithin } from "./alarms.mjs";
import { api } from "./api.mjs";
import { STORE } from "../workflows.mjs";

const LOCK = "weft:host";
const DOCUMENT = { url: "engine/offscreen.html", reasons: ["WORKERS"], justification: "Runs durable workflows in a worker, also while no page is open." };

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
    running = runEngine((message) => park(message));
  },
  async close() {
    (await running)?.();
    running = null;
  },
};

const host = api.offscreen ? offscreen : eventPage;

/** One change at a time: Chromium allows one document, and two that are made at once are an error. @param {() => Promise<void>} change */
const alone = async (change) => void (await navigator.locks.request(LOCK, change));

/** While an engine works: should it or its document be gone, it is back after this time. */
const LOOK_AGAIN_MS = 60_000;
/** In browser.storage.local: when something is due, null for never; absent while an engine works, which alone knows. */
const DUE = "due";
/** Beside it: why the last engine could not be had; absent when it could, and while the next one starts. */
const FAILURE = "failure";

/** @typedef {{code: string, message: string}} Failure */

async function open() {
  await wakeWithin(LOOK_AGAIN_MS);
  await api.storage.local.remove([DUE, FAILURE]);
  await host.open();
}

async function ensure() {
  if (!(await host.there())) return open();
  await wakeWithin(LOOK_AGAIN_MS);
  tellOfLeft();
}

function tellOfLeft() {
  const channel = new BroadcastChannel(`weft:${STORE}`);
  channel.postMessage({ v: 1, t: "left" });
  channel.close();
}

/** An engine runs, or begins to. It is told that something may have been left for it. */
export const ensureEngine = () => alone(ensure);

/**
 * For a page in view. One that asks `again` while it waits does not have an engine that failed tried anew each time: that is done when it is due.
 * @param {{again?: boolean}} message @returns {Promise<Failure | null>} why there is none
 */
export async function ensureForPage({ again = false }) {
  /** @type {Failure | null} */ let failure = null;
  await alone(async () => {
    const { [DUE]: due, [FAILURE]: found = null } = await api.storage.local.get([DUE, FAILURE]);
    if (again && found && due > Date.now()) failure = found;
    else await ensure();
  });
  return failure;
}

/** It may be time to look at what is due: an engine runs if it is, or if that is not known. */
export function lookAtDue() {
  return alone(async () => {
    const { [DUE]: due } = await api.storage.local.get(DUE);
    const known = due !== undefined && (due === null || due > Date.now());
    return known && !(await left(STORE)) ? wakeAt(due) : ensure();
  });
}

/** What it was made with has changed. Its runs stand at their checkpoints. */
export function restartEngine() {
  return alone(async () => {
    if (await host.there()) await host.close();
    await open();
  });
}

/**
 * The engine has nothing to do before `next`, or none could be had: it is ended, and woken then. What is left for it, it is told of once; what it
 * could not do then either, it is asked again when it is woken.
 * @param {import("./engine_page.mjs").Park} message
 */
export function park({ next, failure, again }) {
  return alone(async () => {
    const waits = (await left(STORE)) > 0;
    if (waits && !failure && !again) return tellOfLeft();
    const due = waits ? Math.min(next ?? Infinity, Date.now() + LOOK_AGAIN_MS) : next;
    await host.close();
    await api.storage.local.set({ [DUE]: due, ...(failure && { [FAILURE]: failure }) });
    await wakeAt(due);
  });
}

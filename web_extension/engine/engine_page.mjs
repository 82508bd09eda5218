/**
 * The page that has the engine in a worker: an ordinary Weft client, whatever page it is. It tells the background how many clips wait and go on,
 * and asks it to end the engine when nothing has been due for a while, or when the engine cannot be had.
 */
import { Weft } from "../weft/client.mjs";
import { news } from "../weft/watching.mjs";
import { api } from "./api.mjs";
import { showCounts } from "./badge.mjs";
import { isLookedAt } from "./looking.mjs";
import { storageOptions } from "./storage.mjs";
import { ACTIVITIES, STORE, WORKFLOWS } from "../workflows.mjs";

/** Nothing to do for so long, and nothing due for so long: until then it is cheaper to stay. */
const QUIET_MS = 5_000;
const SOON_MS = 30_000;
const LOOK_MS = 1_000;
/** So long it stays to have a snapshot made: ended before that, each engine would start from scratch and begin another one. */
const SNAPSHOT_MS = 60_000;
/** Before an engine that failed is tried again. */
const FAILED_MS = 60_000;

/** After these others wait, or fewer go on. */
const COUNTED = new Set([
  "run_started", "run_completed", "run_failed", "run_cancelled", "run_timed_out", "run_terminated",
  "review_requested", "review_decided", "review_timed_out", "review_cancelled",
]);

/**
 * @typedef {{t: "park", next: number | null, failure: import("./host.mjs").Failure | null, again?: boolean}} Park when something is due next, epoch ms; `failure`:
 *   no engine could be had; `again`: it was asked before
 * @typedef {(message: Park) => Promise<void>} ParkAsked ends the engine and its page, unless something was left for one that works
 */

/** @param {ParkAsked} park @returns {Promise<() => void>} end it; its runs stand at their checkpoints */
export async function runEngine(park) {
  const ended = new AbortController();
  const opened = open();
  void parking(opened, park, ended.signal);
  const weft = await opened.catch((error) => console.error("weft: no engine:", error));
  if (weft) {
    void weft.persist(); // granted with unlimitedStorage, but Firefox wants to be asked for it
    void counted(weft, ended.signal).catch((error) => ended.signal.aborted || console.warn("weft: not counted any more:", error));
  }
  return () => {
    ended.abort();
    void weft?.close();
  };
}

/** Where a file is. @param {string} path from the folder with the manifest @returns {string} */
const inPackage = (path) => api.runtime.getURL(path);

async function open() {
  return Weft.open({
    name: STORE, base: inPackage("weft/"), workflows: WORKFLOWS.map(inPackage), activities: ACTIVITIES.map(inPackage),
    serviceWorker: null, background: false, persist: false,
    ...(await storageOptions()),
  });
}

/** Asks to be ended, again and again, for the background may be stopped while it is asked. @param {Promise<Weft>} opened @param {ParkAsked} park @param {AbortSignal} ended */
async function parking(opened, park, ended) {
  for (let again = false; !ended.aborted; again = true, await new Promise((resolve) => setTimeout(resolve, LOOK_MS))) {
    const found = await opened.then((weft) => quiet(weft, ended)).then((next) => ({ next, failure: null }), failing);
    if (!ended.aborted) await park({ t: "park", ...found, again }).catch(() => {});
  }
}

const failing = (/** @type {any} */ error) => ({
  next: Date.now() + FAILED_MS, failure: { code: String(error.code ?? error.name), message: String(error.message) },
});

/** Resolves with when something is due next; rejects when the engine answers nothing. @param {Weft} weft @param {AbortSignal} ended @returns {Promise<number | null>} */
async function quiet(weft, ended) {
  const began = Date.now();
  let since = began;
  for (; !ended.aborted; await new Promise((resolve) => setTimeout(resolve, LOOK_MS))) {
    const { idle, next_timer: next, now } = await weft.diagnostics();
    const makesSnapshot = weft.status.snapshot === "none" && Date.now() - began < SNAPSHOT_MS;
    if (!idle || makesSnapshot || (next !== null && next - now < SOON_MS) || (await isLookedAt())) since = Date.now();
    else if (Date.now() - since > QUIET_MS) return next;
  }
  return null;
}

/** To the background, which has the badge. Firefox's is this page, and hears nothing that it says itself. @type {typeof showCounts} */
const tellCounts = (counts) => (api.action ? showCounts(counts) : api.runtime.sendMessage({ t: "counts", ...counts }));

/** Says how many reviews wait and how many clips go on, whenever that may have changed. @param {Weft} weft @param {AbortSignal} ended */
async function counted(weft, ended) {
  const tell = async () => {
    const [{ items }, running] = await Promise.all([weft.reviews({ status: "pending", limit: 1_000 }), weft.count({ status: ["pending", "running", "suspended"] })]);
    await tellCounts({ waiting: items.length, running });
  };
  for await (const event of news(weft, ended)) if (!event || COUNTED.has(event.type)) await tell().catch(() => {}); // nobody listens: told again with the next
}

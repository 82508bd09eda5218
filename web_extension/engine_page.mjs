/**
 * The page that has the engine in a worker: an ordinary Weft client, whatever page it is. It tells the background how many clips wait and go on,
 * and when nothing is due for a while it closes the engine and says when it is wanted again.
 */
import { Weft } from "./weft/client.mjs";
import { api } from "./api.mjs";
import { storageOptions } from "./storage.mjs";
import { ACTIVITIES, STORE, WORKFLOWS } from "./workflows.mjs";

/** Nothing to do for so long, and nothing due for so long: until then it is cheaper to stay. */
const QUIET_MS = 10_000;
const SOON_MS = 30_000;
const LOOK_MS = 1_000;

/** @typedef {{t: "parked", next: number | null}} Parked epoch ms */

/** @param {(message: Parked) => void} parked called once, when the engine has ended @returns {Promise<() => void>} end it */
export async function runEngine(parked) {
  const weft = await Weft.open({
    name: STORE, base: api.runtime.getURL("weft/"), workflows: WORKFLOWS, activities: ACTIVITIES,
    serviceWorker: null, background: false, persist: false, // unlimitedStorage keeps it
    ...(await storageOptions()),
  });
  const ended = new AbortController();
  void counted(weft, ended.signal);
  void quiet(weft, ended.signal).then((next) => {
    if (ended.signal.aborted) return;
    ended.abort();
    void weft.close().then(() => parked({ t: "parked", next }));
  });
  return () => {
    ended.abort();
    void weft.close();
  };
}

/** Resolves with when something is due next. @param {Weft} weft @param {AbortSignal} ended @returns {Promise<number | null>} */
async function quiet(weft, ended) {
  let since = Date.now();
  for (; !ended.aborted; await new Promise((resolve) => setTimeout(resolve, LOOK_MS))) {
    const { idle, next_timer: next, now } = await weft.diagnostics();
    if (!idle || (next !== null && next - now < SOON_MS)) since = Date.now();
    else if (Date.now() - since > QUIET_MS) return next;
  }
  return null;
}

/** Says how many reviews wait and how many clips go on, whenever that may have changed. @param {Weft} weft @param {AbortSignal} ended */
async function counted(weft, ended) {
  const tell = async () => {
    const [{ items }, running] = await Promise.all([weft.reviews(), weft.count({ status: ["pending", "running", "suspended"] })]);
    await api.runtime.sendMessage({ t: "counts", waiting: items.length, running });
  };
  const CHANGES = new Set(["run_started", "run_finished", "run_failed", "run_cancelled", "review_requested", "review_decided"]);
  await tell().catch(() => {});
  for await (const { type } of weft.tail(null, { signal: ended })) if (CHANGES.has(type)) await tell().catch(() => {}); // nobody listens: told again with the next
}

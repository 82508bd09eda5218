/**
 * The engine inside the Service Worker: when the browser wakes it and no tab leads, it opens the store, drives what is due, and stops before the
 * browser would stop it. It holds the Web Lock of the store meanwhile, and gives way when a tab opens. What it does not finish, the next tab or
 * the next wake-up does: nothing here is needed for a run to be safe.
 */
import { loadPyodide } from "../browser/pyodide.mjs";
import createPyodideModule from "../browser/pyodide.asm.mjs";
import { EngineHost } from "../browser/engine_host.mjs";
import { knownStores } from "./known_stores.mjs";
import { tabs, wake } from "./waking.mjs";

/** Firefox lets an event go on for half a minute, Chromium for some minutes. */
const BUDGET_MS = 25_000;
/** Kept of it for what is in flight to be recorded, and to close. */
const DRAIN_MS = 4_000;
const GIVE_WAY_MS = 1_000;
/** Tabs that are there and not frozen have the lock within this time. */
const TABS_FIRST_MS = 3_000;
const LOOK_EVERY_MS = 100;

/**
 * @typedef {"led" | "quiet" | "out of time" | "gave way" | "fenced" | "failed"} Outcome led: a tab leads, and does it; fenced: another engine owns the
 *   store; failed: it could not be opened
 * @typedef {{name: string, outcome: Outcome, cutOff: number}} BackgroundRun
 */

/** @type {Map<string, EngineHost>} with Python loaded, while this worker lives, by what they were made from */
const hosts = new Map();
/** @type {Promise<unknown>} one wake-up at a time */
let last = Promise.resolve();

/**
 * It may be time to look at what is due. The tab that leads is told; where none leads, this worker drives the runs.
 * @param {import("./site.mjs").Site} site @param {string} reason "sync", "push", "periodicsync", "review"
 * @returns {Promise<BackgroundRun[]>}
 */
export async function goOn(site, reason) {
  const end = Date.now() + BUDGET_MS - DRAIN_MS;
  const heard = await wake(reason);
  if (heard) await pause(TABS_FIRST_MS);
  const runs = last.then(async () => {
    const done = [];
    for (const store of await knownStores(site.scope.href)) done.push(await drive(store, site.cache, end).catch((error) => givenUp(store, error)));
    return done;
  });
  last = runs.catch(() => {});
  for (const { name, outcome, cutOff } of await runs) console.info(`weft: ${reason}: ${name}: ${outcome}, ${cutOff} cut off`);
  return runs;
}

/** Throws if there was not time enough: an event that the browser sends again is to say so. @param {BackgroundRun[]} runs */
export function allDone(runs) {
  const left = runs.filter(({ outcome }) => outcome === "out of time" || outcome === "failed");
  if (left.length) throw new Error(`weft: not done: ${left.map(({ name, outcome }) => `${name}, ${outcome}`).join("; ")}`);
}

/** One that cannot be opened holds up no other, and is begun anew next time. @param {import("./known_stores.mjs").KnownStore} store @param {Error} error @returns {BackgroundRun} */
function givenUp(store, error) {
  console.warn(`weft: ${store.name} cannot be opened in the background:`, error);
  hosts.delete(JSON.stringify(store));
  return { name: store.name, outcome: "failed", cutOff: 0 };
}

const pause = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @param {import("./known_stores.mjs").KnownStore} store @param {string} cache @param {number} end @returns {Promise<BackgroundRun>} */
async function drive(store, cache, end) {
  const { name } = store;
  const ifFree = { ifAvailable: true };
  const led = { name, outcome: /** @type {Outcome} */ ("led"), cutOff: 0 };
  if (!(await isFree(name))) return led;
  const host = hostFor(store, cache);
  await host.prepare(); // without the lock: a tab that opens now must not wait for it
  return navigator.locks.request(`weft:${name}`, ifFree, (lock) => (lock ? lead(host, end) : led)).catch(async (error) => {
    if (error.name !== "AbortError") throw error;
    await host.close(); // a tab has taken the lock
    return { ...led, outcome: "gave way" };
  });
}

/** Whether no tab leads the store. One that is being closed as this is asked may keep its lock for a while, and does nothing more. @param {string} name */
async function isFree(name) {
  const end = Date.now() + TABS_FIRST_MS;
  for (;;) {
    const last = Date.now() > end; // time may pass while the browser answers
    const free = await navigator.locks.request(`weft:${name}`, { ifAvailable: true }, async (lock) => lock !== null);
    if (free || last || (await tabs()).length) return free;
    await pause(LOOK_EVERY_MS);
  }
}

/** @param {import("./known_stores.mjs").KnownStore} store @param {string} cache */
function hostFor(store, cache) {
  const key = JSON.stringify(store);
  const found = hosts.get(key);
  if (found) return found;
  const silent = () => {};
  const modules = { loadPyodide, createPyodideModule };
  const host = new EngineHost(
    { ...store, id: `background-${crypto.randomUUID()}`, cache, storage: "direct", snapshot: true, modules },
    { event: silent, status: silent, opened: silent, fenced: silent, needPort: silent },
  );
  hosts.set(key, host);
  return host;
}

/** Runs while the lock is held. @param {EngineHost} host @param {number} end @returns {Promise<BackgroundRun>} */
async function lead(host, end) {
  const { name } = host.options;
  const channel = new BroadcastChannel(`weft:${name}`);
  /** @type {Promise<Outcome>} */
  const asked = new Promise((resolve) => (channel.onmessage = ({ data }) => data.t === "hello" && resolve("gave way")));
  /** @type {Promise<Outcome>} */
  const fenced = new Promise((resolve) => (host.tell.fenced = () => resolve("fenced")));
  try {
    await host.open();
    // An engine that waits for its store answers nothing: whatever happens, this ends in time.
    const late = pause(end - Date.now()).then(() => /** @type {Outcome} */ ("out of time"));
    const outcome = await Promise.race([asked, fenced, quiet(host, end), late]);
    const cutOff = await host.drain((outcome === "gave way" ? GIVE_WAY_MS : DRAIN_MS / 2) / 1000);
    return { name, outcome, cutOff };
  } finally {
    channel.close();
  }
}

/** Resolves when nothing is due before `end`. @param {EngineHost} host @param {number} end @returns {Promise<Outcome>} */
async function quiet(host, end) {
  await host.leftCalls;
  for (;;) {
    const { ok } = await host.ask("diagnostics", {});
    if (ok?.idle && (ok.next_timer === null || ok.next_timer - ok.now > end - Date.now())) return "quiet";
    await pause(LOOK_EVERY_MS);
  }
}

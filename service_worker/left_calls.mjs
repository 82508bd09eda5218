/**
 * Calls that were left for the engine while none was awake: a review that was decided in a notification. A call is durable before anything else
 * happens, in a database of its own that needs no Python to be written; it is removed when an engine has answered it. Between the answer and
 * the removal a crash may fall: so only calls that change nothing when they are made again may be left.
 */

import { openDatabase } from "./idb_open.mjs";

const CALLS = "calls";
const OPEN_TIMEOUT_MS = 4_000;
/** Answers after which asking again is pointless. Others (the store is full, the run waits for code) may be better next time. */
const FINAL = new Set(["ReviewDecidedError", "ReviewNotFoundError", "InvalidInputError", "RunNotFoundError", "RunFinishedError"]);

/** @typedef {{id: string, method: string, params: object}} LeftCall */

/** Resolves when the call is on disk. The same id is left once. @param {string} name of the store @param {LeftCall} call */
export async function leave(name, call) {
  await inDatabase(name, (db) => {
    const tx = db.transaction(CALLS, "readwrite", { durability: "strict" });
    tx.objectStore(CALLS).put(call, call.id);
    return ended(tx);
  });
}

/** How many calls are left. @param {string} name of the store */
export async function left(name) {
  return inDatabase(name, async (db) => (await all(db)).length);
}

/**
 * Make the calls that were left, in the order of their ids. Resolves with how many have their final answer.
 * @param {string} name of the store @param {(method: string, params: object) => Promise<{ok?: any, error?: {code: string, message: string}}>} ask the engine
 */
export async function makeLeft(name, ask) {
  return inDatabase(name, async (db) => {
    let made = 0;
    for (const { id, method, params } of await all(db)) {
      const { error } = await ask(method, params);
      if (error) console.warn(`weft: ${method}, left as ${id}: ${error.code}: ${error.message}`);
      if (error && !FINAL.has(error.code)) continue;
      const tx = db.transaction(CALLS, "readwrite");
      tx.objectStore(CALLS).delete(id);
      await ended(tx);
      made += 1;
    }
    return made;
  });
}

/** @template T @param {string} name @param {(db: IDBDatabase) => Promise<T>} use @returns {Promise<T>} */
async function inDatabase(name, use) {
  const db = await openDatabase(`weft-left:${name}`, OPEN_TIMEOUT_MS, false, [CALLS]);
  try {
    return await use(db);
  } finally {
    db.close();
  }
}

/** @param {IDBDatabase} db @returns {Promise<LeftCall[]>} */
function all(db) {
  return new Promise((resolve, reject) => {
    const request = db.transaction(CALLS).objectStore(CALLS).getAll();
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @param {IDBTransaction} tx @returns {Promise<void>} */
function ended(tx) {
  return new Promise((resolve, reject) => {
    tx.oncomplete = () => resolve();
    tx.onabort = () => reject(tx.error ?? new DOMException("the transaction was aborted", "AbortError"));
  });
}

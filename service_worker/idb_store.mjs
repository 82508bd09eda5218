/**
 * The storage port over IndexedDB: one object store of bytes, binary keys, one transaction per request.
 *
 * A write is acknowledged on the transaction's `complete`, never on a request's `success`: a quota abort comes after the request "succeeded".
 * Nothing is awaited inside a transaction. The database version is never raised: the schema lives inside the records.
 */
import * as frames from "./store_frames.mjs";
import { BatchIds } from "./batch_ids.mjs";
import { IdbHandle, sameBytes, storeError } from "./idb_handle.mjs";

const { OP, StoreError } = frames;
/** A transaction that neither completes nor aborts for this long is given up; whether it was written is then unknown. */
const TRANSACTION_TIMEOUT_MS = 30_000;
/** Over a connection that was lost a request is sent again after these pauses. */
const RESEND_PAUSES_MS = [0, 50, 200, 500];

/**
 * @typedef {{client: string, seq: number}} BatchId names a write: the same id is applied once, however often it is sent
 * @typedef {{durability?: "strict" | "relaxed", openTimeoutMs?: number}} StoreOptions
 */

/** Where the browser knows no such level, it promises none of them. @param {"strict" | "relaxed"} wanted @returns {"strict" | "relaxed"} */
export const durabilityHere = (wanted) => ("durability" in IDBTransaction.prototype ? wanted : "relaxed");

export class IdbStore {
  /** @param {string} name of the IndexedDB database @param {StoreOptions} [options] */
  constructor(name, { durability = "strict", openTimeoutMs = 4_000 } = {}) {
    this.name = name;
    this.durability = durability;
    this.handle = new IdbHandle(name, openTimeoutMs);
    this.ids = new BatchIds();
  }

  /**
   * Answer one request frame. Never rejects: failures are error replies.
   * @param {Uint8Array} frame @param {BatchId} [batch] of a client that may send it again; it may have been applied then
   * @returns {Promise<Uint8Array>}
   */
  async call(frame, batch) {
    try {
      const op = frames.opOf(frame);
      if (op === OP.apply && !batch) return await this.ids.use((own) => this.#send(op, frame, own, false));
      return await this.#send(op, frame, batch, true);
    } catch (error) {
      const { code, message } = storeError(error);
      return frames.errorReply(code, message);
    }
  }

  close() {
    this.handle.drop();
  }

  /**
   * A dead connection is opened again and the request sent once more, a write under the same id.
   * @param {number} op @param {Uint8Array} frame @param {BatchId | undefined} batch @param {boolean} again it may have been sent before
   */
  async #send(op, frame, batch, again) {
    let lost = 0;
    try {
      for (;; lost++) {
        const db = await this.handle.open();
        try {
          return await this.#run(db, op, frame, batch, again || lost > 0);
        } catch (error) {
          if (!this.handle.isDead(db, error)) throw error;
          this.handle.drop(db);
          if (lost === RESEND_PAUSES_MS.length) throw error;
        }
        await new Promise((resolve) => setTimeout(resolve, RESEND_PAUSES_MS[lost]));
      }
    } catch (error) {
      const { code, message } = storeError(error);
      // A connection that was lost at the wrong moment does not tell whether the write was made.
      throw lost && op === OP.apply && code !== "StorageQuotaError" ? new StoreError("CommitUnknownError", message) : error;
    }
  }

  /** @param {IDBDatabase} db @param {number} op @param {Uint8Array} frame @param {BatchId | undefined} batch @param {boolean} again @returns {Promise<Uint8Array>} */
  async #run(db, op, frame, batch, again) {
    switch (op) {
      case OP.get: return get(db, frames.readKey(frame));
      case OP.has: return has(db, frames.readKey(frame));
      case OP.scan: return scan(db, frames.readScan(frame));
      case OP.apply: return apply(db, frames.readApply(frame), this.durability, /** @type {BatchId} */ (batch), again);
      case OP.deletePrefix: return deletePrefix(db, frames.readKey(frame), this.durability);
      default: throw new StoreError("StorageError", `unknown storage operation ${op}`);
    }
  }
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
const settled = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

/** @param {IDBDatabase} db */
const reading = (db) => db.transaction("data", "readonly").objectStore("data");

/** @param {IDBDatabase} db @param {ArrayBuffer} key */
async function get(db, key) {
  return frames.valueReply((await settled(reading(db).get(key))) ?? null);
}

/** @param {IDBDatabase} db @param {ArrayBuffer} key */
async function has(db, key) {
  return frames.flagReply((await settled(reading(db).count(key))) > 0);
}

/** The range of keys that begin with `prefix`, narrowed by exclusive bounds; null when it is empty.
 * @param {ArrayBuffer} prefix @param {ArrayBuffer | null} after @param {ArrayBuffer | null} before */
function rangeOf(prefix, after, before) {
  // UTF-8 has no byte 0xff, so adding one to the last byte gives the first key past the prefix.
  const end = new Uint8Array(prefix.slice(0));
  if (end.length) end[end.length - 1] += 1;
  const past = end.length ? end.buffer : null;
  const high = before && (!past || indexedDB.cmp(before, past) < 0) ? before : past;
  const low = after && indexedDB.cmp(after, prefix) >= 0 ? after : prefix;
  const order = high ? indexedDB.cmp(low, high) : -1;
  if (order >= 0) return null;
  return high ? IDBKeyRange.bound(low, high, low === after, true) : IDBKeyRange.lowerBound(low, low === after);
}

/** @param {IDBDatabase} db @param {frames.ScanRequest} request */
async function scan(db, { prefix, after, before, limit, reverse, maxBytes }) {
  const range = rangeOf(prefix, after, before);
  if (!range || !limit) return frames.rowsReply([], []);
  const store = reading(db);
  if (reverse) return scanBack(store, range, limit);
  return scanForth(store, range, limit, maxBytes);
}

const FIRST_SLICE = 32;

/** Rows are read in slices, so that a page of large values ends near `maxBytes` and is never in memory whole.
 * @param {IDBObjectStore} store @param {IDBKeyRange} range @param {number} limit @param {number} maxBytes */
async function scanForth(store, range, limit, maxBytes) {
  /** @type {ArrayBuffer[]} */ const keys = [];
  /** @type {ArrayBuffer[]} */ const values = [];
  let slice = maxBytes === Infinity ? limit : FIRST_SLICE;
  let bytes = 0;
  for (let rest = range; ; slice *= 8) {
    const count = Math.min(slice, limit - keys.length);
    const [more, found] = await Promise.all([settled(store.getAllKeys(rest, count)), settled(store.getAll(rest, count))]);
    keys.push(.../** @type {ArrayBuffer[]} */ (more));
    values.push(...found);
    for (const value of found) bytes += value.byteLength;
    if (more.length < count || keys.length === limit) return frames.rowsReply(keys, values);
    if (bytes >= maxBytes) return frames.rowsReply(keys, values, true);
    rest = rest.upper === undefined ? IDBKeyRange.lowerBound(keys[keys.length - 1], true) : IDBKeyRange.bound(keys[keys.length - 1], rest.upper, true, true);
  }
}

/** @param {IDBObjectStore} store @param {IDBKeyRange} range @param {number} limit */
async function scanBack(store, range, limit) {
  if ("getAllRecords" in store) {
    const all = /** @type {(o: object) => IDBRequest<IDBCursorWithValue[]>} */ (store.getAllRecords).bind(store);
    const records = await settled(all({ query: range, count: limit, direction: "prev" }));
    return frames.rowsReply(records.map((r) => /** @type {ArrayBuffer} */ (r.key)), records.map((r) => r.value));
  }
  return new Promise((resolve, reject) => { // only where the browser cannot read backwards in one request
    /** @type {ArrayBuffer[]} */ const keys = [];
    /** @type {ArrayBuffer[]} */ const values = [];
    const request = store.openCursor(range, "prev");
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const cursor = request.result;
      if (!cursor || keys.length === limit) return resolve(frames.rowsReply(keys, values));
      keys.push(/** @type {ArrayBuffer} */ (cursor.key));
      values.push(cursor.value);
      cursor.continue();
    };
  });
}

/**
 * Check and write in one transaction. The writes are queued behind the reads without waiting for them, and the transaction is aborted if a
 * condition turns out false: one round trip less than read, then write.
 * @param {IDBDatabase} db @param {frames.ApplyRequest} request @param {"strict" | "relaxed"} durability @param {BatchId} batch
 * @param {boolean} again it may have been applied before
 */
function apply(db, { conditions, ops }, durability, batch, again) {
  return transact(db, durability, ["data", "applied"], (tx, verdict) => {
    const store = tx.objectStore("data");
    const applied = tx.objectStore("applied");
    let open = conditions.length + (again ? 1 : 0);
    const passed = () => {
      if (--open === 0) tx.commit?.();
    };
    if (again) {
      const last = applied.get(batch.client);
      last.onsuccess = () => (last.result && last.result.seq >= batch.seq ? verdict(true) : passed());
    }
    applied.put({ seq: batch.seq, at: Date.now() }, batch.client);
    for (const { key, value } of conditions) {
      const request = store.get(key);
      request.onsuccess = () => (sameBytes(request.result ?? null, value) ? passed() : verdict(false));
    }
    for (const { key, value } of ops) value === null ? store.delete(key) : store.put(value, key);
    if (open === 0) tx.commit?.();
  });
}

/** @param {IDBDatabase} db @param {ArrayBuffer} prefix @param {"strict" | "relaxed"} durability */
async function deletePrefix(db, prefix, durability) {
  let count = 0;
  const range = rangeOf(prefix, null, null);
  await transact(db, durability, ["data"], (tx) => {
    const store = tx.objectStore("data");
    const counting = range ? store.count(range) : store.count();
    counting.onsuccess = () => (count = counting.result);
    range ? store.delete(range) : store.clear();
  });
  return frames.countReply(count);
}

/**
 * Run `body` in one readwrite transaction and answer when it is on disk. `verdict(result)` ends it early: nothing of it is written.
 * @param {IDBDatabase} db @param {"strict" | "relaxed"} durability @param {string[]} stores
 * @param {(tx: IDBTransaction, verdict: (result: boolean) => void) => void} body @returns {Promise<Uint8Array>}
 */
function transact(db, durability, stores, body) {
  return new Promise((resolve, reject) => {
    const tx = db.transaction(stores, "readwrite", { durability });
    /** @type {boolean | null} */ let early = null;
    /** @type {DOMException[]} */ const failures = [];
    const watchdog = setTimeout(() => reject(new StoreError("CommitUnknownError", "the transaction did not end")), TRANSACTION_TIMEOUT_MS);
    tx.oncomplete = () => {
      clearTimeout(watchdog);
      resolve(frames.flagReply(true));
    };
    tx.onerror = (event) => {
      const { error } = /** @type {IDBRequest} */ (event.target);
      if (error) failures.push(error);
    };
    tx.onabort = () => {
      clearTimeout(watchdog);
      if (early !== null) return resolve(frames.flagReply(early));
      if (tx.error) failures.push(tx.error);
      // Either the transaction or one of its requests says why; all the others say AbortError.
      reject(failures.find(({ name }) => name !== "AbortError") ?? new DOMException("the transaction was aborted", "AbortError"));
    };
    body(tx, (result) => {
      if (early !== null) return;
      early = result;
      tx.abort();
    });
  });
}

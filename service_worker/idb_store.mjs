/**
 * The storage port over IndexedDB: one object store of bytes, binary keys, one transaction per request.
 *
 * A write is acknowledged on the transaction's `complete`, never on a request's `success`: a quota abort comes after the request "succeeded".
 * Nothing is awaited inside a transaction. The database version is never raised: the schema lives inside the records.
 */
import * as frames from "./store_frames.mjs";
import { IdbHandle, sameBytes, storeError } from "./idb_handle.mjs";

const { OP, StoreError } = frames;
/** A transaction that neither completes nor aborts for this long is given up; whether it was written is then unknown. */
const TRANSACTION_TIMEOUT_MS = 30_000;

/**
 * @typedef {{client: string, seq: number}} BatchId names a write: the same id is applied once, however often it is sent
 * @typedef {{durability?: "strict" | "relaxed", openTimeoutMs?: number}} StoreOptions
 */

export class IdbStore {
  /** @param {string} name of the IndexedDB database @param {StoreOptions} [options] */
  constructor(name, { durability = "strict", openTimeoutMs = 5_000 } = {}) {
    this.name = name;
    this.durability = durability;
    this.handle = new IdbHandle(name, openTimeoutMs);
  }

  /**
   * Answer one request frame. Never rejects: failures are error replies.
   * @param {Uint8Array} frame @param {BatchId} [batch] @returns {Promise<Uint8Array>}
   */
  async call(frame, batch) {
    try {
      return await this.#withRetry(frames.opOf(frame), frame, batch);
    } catch (error) {
      const { code, message } = storeError(error);
      return frames.errorReply(code, message);
    }
  }

  close() {
    this.handle.drop();
  }

  /** A dead connection is opened again and the request sent once more, when it is certain that nothing was written. @param {number} op @param {Uint8Array} frame @param {BatchId} [batch] */
  async #withRetry(op, frame, batch) {
    for (let attempt = 0; ; attempt++) {
      const db = await this.handle.open();
      try {
        return await this.#run(db, op, frame, batch);
      } catch (error) {
        if (attempt > 0 || !this.handle.isDead(db, error)) throw error;
        this.handle.drop(db);
      }
    }
  }

  /** @param {IDBDatabase} db @param {number} op @param {Uint8Array} frame @param {BatchId} [batch] @returns {Promise<Uint8Array>} */
  #run(db, op, frame, batch) {
    switch (op) {
      case OP.get: return get(db, frames.readKey(frame));
      case OP.has: return has(db, frames.readKey(frame));
      case OP.scan: return scan(db, frames.readScan(frame));
      case OP.apply: return apply(db, frames.readApply(frame), this.durability, batch);
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
async function scan(db, { prefix, after, before, limit, reverse }) {
  const range = rangeOf(prefix, after, before);
  if (!range || !limit) return frames.rowsReply([], []);
  const store = reading(db);
  if (reverse) return scanBack(store, range, limit);
  const [keys, values] = await Promise.all([settled(store.getAllKeys(range, limit)), settled(store.getAll(range, limit))]);
  return frames.rowsReply(/** @type {ArrayBuffer[]} */ (keys), values);
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
 * @param {IDBDatabase} db @param {frames.ApplyRequest} request @param {"strict" | "relaxed"} durability @param {BatchId} [batch]
 */
function apply(db, { conditions, ops }, durability, batch) {
  return transact(db, durability, batch !== undefined, (tx, verdict) => {
    const store = tx.objectStore("data");
    let open = conditions.length + (batch ? 1 : 0);
    const passed = () => {
      if (--open === 0) tx.commit?.();
    };
    if (batch) recordBatch(tx, batch, passed, verdict);
    for (const { key, value } of conditions) {
      const request = store.get(key);
      request.onsuccess = () => (sameBytes(request.result ?? null, value) ? passed() : verdict(false));
    }
    for (const { key, value } of ops) value === null ? store.delete(key) : store.put(value, key);
    if (open === 0) tx.commit?.();
  });
}

/** Write down the batch id beside the batch; a batch that was committed before is not applied again.
 * @param {IDBTransaction} tx @param {BatchId} batch @param {() => void} passed @param {(result: boolean) => void} verdict */
function recordBatch(tx, { client, seq }, passed, verdict) {
  const applied = tx.objectStore("applied");
  const last = applied.get(client);
  last.onsuccess = () => (last.result && last.result.seq >= seq ? verdict(true) : passed());
  applied.put({ seq, at: Date.now() }, client);
}

/** @param {IDBDatabase} db @param {ArrayBuffer} prefix @param {"strict" | "relaxed"} durability */
async function deletePrefix(db, prefix, durability) {
  let count = 0;
  const range = rangeOf(prefix, null, null);
  await transact(db, durability, false, (tx) => {
    const store = tx.objectStore("data");
    const counting = range ? store.count(range) : store.count();
    counting.onsuccess = () => (count = counting.result);
    range ? store.delete(range) : store.clear();
  });
  return frames.countReply(count);
}

/**
 * Run `body` in one readwrite transaction and answer when it is on disk. `verdict(result)` ends it early: nothing of it is written.
 * @param {IDBDatabase} db @param {"strict" | "relaxed"} durability @param {boolean} named whether it writes down a batch id
 * @param {(tx: IDBTransaction, verdict: (result: boolean) => void) => void} body @returns {Promise<Uint8Array>}
 */
function transact(db, durability, named, body) {
  return new Promise((resolve, reject) => {
    const tx = db.transaction(named ? ["data", "applied"] : "data", "readwrite", { durability });
    /** @type {boolean | null} */ let early = null;
    /** @type {unknown} */ let failure = null;
    const watchdog = setTimeout(() => reject(new StoreError("CommitUnknownError", "the transaction did not end")), TRANSACTION_TIMEOUT_MS);
    tx.oncomplete = () => {
      clearTimeout(watchdog);
      resolve(frames.flagReply(true));
    };
    // After an explicit commit() the transaction's own error is AbortError; the request's error says why.
    tx.onerror = (event) => (failure ??= /** @type {IDBRequest} */ (event.target).error);
    tx.onabort = () => {
      clearTimeout(watchdog);
      if (early !== null) resolve(frames.flagReply(early));
      else reject(failure ?? tx.error ?? new DOMException("the transaction was aborted", "AbortError"));
    };
    body(tx, (result) => {
      if (early !== null) return;
      early = result;
      tx.abort();
    });
  });
}

/** An IndexedDB connection that can be lost and found again: shared while it opens, given up for others, forgotten when it is dead. */
import { openDatabase } from "./idb_open.mjs";
import { StoreError } from "./store_frames.mjs";

const DEAD = new Set(["InvalidStateError", "UnknownError", "AbortError", "TransactionInactiveError"]);
const WRITTEN_DOWN_MS = 24 * 3600 * 1000;

export class IdbHandle {
  /** @param {string} name @param {number} timeoutMs */
  constructor(name, timeoutMs) {
    this.name = name;
    this.timeoutMs = timeoutMs;
    this.opened = 0; // how often
    /** @type {Promise<IDBDatabase> | null} */ this.opening = null;
    /** @type {WeakSet<IDBDatabase>} */ this.closed = new WeakSet();
  }

  /** The open connection; calls that come while it opens share it. Rejects with a StoreError. */
  open() {
    if (this.opening) return this.opening;
    const again = this.opened > 0;
    const opening = openDatabase(this.name, again ? this.timeoutMs / 2 : this.timeoutMs, again).then((db) => this.#found(db));
    this.opening = opening; // before anything is awaited: two calls never open two
    opening.catch(() => {
      if (this.opening === opening) this.opening = null;
    });
    return opening;
  }

  /** Forget the connection (only if it is still `db`, when one is named). @param {IDBDatabase} [db] */
  drop(db) {
    if (db) {
      if (this.closed.has(db)) return;
      this.closed.add(db);
      db.close();
    } else {
      this.opening?.then((open) => this.drop(open), () => {});
    }
    this.opening = null;
  }

  /** True when `error` came from a lost connection, so that the same request over a new one may succeed. @param {IDBDatabase} db @param {unknown} error */
  isDead(db, error) {
    if (error instanceof StoreError) return false;
    return this.closed.has(db) || (error instanceof DOMException && DEAD.has(error.name));
  }

  /** @param {IDBDatabase} db */
  #found(db) {
    db.onclose = () => this.drop(db); // the browser closed it: site data cleared, its storage process gone
    db.onversionchange = () => this.drop(db); // another tab deletes or upgrades: never stand in its way
    if (this.opened++ === 0) forgetOldClients(db);
    return db;
  }
}

/** Batch ids are kept for a day: no client resends for that long. @param {IDBDatabase} db */
function forgetOldClients(db) {
  try {
    const store = db.transaction("applied", "readwrite", { durability: "relaxed" }).objectStore("applied");
    const keys = store.getAllKeys();
    const rows = store.getAll();
    rows.onsuccess = () => rows.result.forEach((row, i) => {
      if (Date.now() - row.at > WRITTEN_DOWN_MS) store.delete(keys.result[i]);
    });
  } catch (error) {
    console.warn("weft: old batch ids stay for now:", error); // the request that comes next meets the same trouble, and answers it
  }
}

/** @param {ArrayBuffer | null} left @param {ArrayBuffer | null} right */
export function sameBytes(left, right) {
  if (left === null || right === null) return left === right;
  if (left.byteLength !== right.byteLength) return false;
  const a = new Uint8Array(left);
  const b = new Uint8Array(right);
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The failure as a Python error's name and a reason. @param {unknown} error @returns {{code: string, message: string}} */
export function storeError(error) {
  if (error instanceof StoreError) return { code: error.code, message: error.message };
  const name = error instanceof Error || error instanceof DOMException ? error.name : "Error";
  const message = `${name}: ${error instanceof Error || error instanceof DOMException ? error.message : String(error)}`;
  if (name === "QuotaExceededError") return { code: "StorageQuotaError", message };
  return { code: DEAD.has(name) ? "StorageUnavailableError" : "StorageError", message };
}

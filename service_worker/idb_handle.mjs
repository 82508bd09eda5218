/** An IndexedDB connection that can be lost and found again: open with a watchdog, give way to others, forget a dead handle. */
import { StoreError } from "./store_frames.mjs";

const DEAD = new Set(["InvalidStateError", "UnknownError", "AbortError"]);
const WRITTEN_DOWN_MS = 24 * 3600 * 1000;

export class IdbHandle {
  /** @param {string} name @param {number} timeoutMs */
  constructor(name, timeoutMs) {
    this.name = name;
    this.timeoutMs = timeoutMs;
    /** @type {Promise<IDBDatabase> | null} */ this.opening = null;
    /** @type {WeakSet<IDBDatabase>} */ this.closed = new WeakSet();
  }

  /** The open connection; calls that come while it opens share it. */
  open() {
    this.opening ??= openDatabase(this.name, this.timeoutMs).then(
      (db) => {
        db.onclose = () => this.drop(db);
        db.onversionchange = () => this.drop(db);
        return db;
      },
      (error) => {
        this.opening = null;
        throw error;
      },
    );
    return this.opening;
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

  /** True when `error` came from a lost connection and the transaction is known not to have been written. @param {IDBDatabase} db @param {unknown} error */
  isDead(db, error) {
    if (this.closed.has(db)) return !(error instanceof StoreError);
    return error instanceof DOMException && DEAD.has(error.name);
  }
}

/** @param {string} name @param {number} timeoutMs @returns {Promise<IDBDatabase>} */
function openDatabase(name, timeoutMs) {
  return new Promise((resolve, reject) => {
    const factory = globalThis.indexedDB;
    if (!factory) return reject(new StoreError("StorageUnavailableError", "this context has no IndexedDB"));
    const request = factory.open(name, 1);
    let late = false;
    const fail = (/** @type {unknown} */ error) => {
      clearTimeout(watchdog);
      late = true;
      reject(error);
    };
    // Some browsers' first open() never settles, and a blocked one waits for ever: answer, and close a late success.
    const watchdog = setTimeout(() => fail(new StoreError("StorageUnavailableError", `opening ${name} took longer than ${timeoutMs} ms`)), timeoutMs);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("data");
      request.result.createObjectStore("applied");
    };
    request.onerror = () => fail(request.error);
    request.onsuccess = () => {
      if (late) return request.result.close();
      clearTimeout(watchdog);
      forgetOldClients(request.result);
      resolve(request.result);
    };
  });
}

/** Batch ids are kept for a day: no client resends for that long. @param {IDBDatabase} db */
function forgetOldClients(db) {
  const store = db.transaction("applied", "readwrite", { durability: "relaxed" }).objectStore("applied");
  const keys = store.getAllKeys();
  const rows = store.getAll();
  rows.onsuccess = () => rows.result.forEach((row, i) => {
    if (Date.now() - row.at > WRITTEN_DOWN_MS) store.delete(keys.result[i]);
  });
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

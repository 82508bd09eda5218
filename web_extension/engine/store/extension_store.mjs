/**
 * The storage port over an area of browser.storage, for an extension that has chosen it over IndexedDB.
 *
 * It is weaker than IndexedDB. Nothing there is flushed to the disk on request, so `durability` is "relaxed": what was acknowledged survives
 * the death of the browser, but perhaps not that of the machine. A batch has no transaction: a write-ahead record makes it all or nothing. It
 * holds 10 MB in Chromium, unless the extension has the permission `unlimitedStorage`. What speaks for it: the browser does not evict it.
 *
 * One context writes: the one that holds a Web Lock, and it does one request after the other.
 */
import * as frames from "../../weft/store_frames.mjs";
import { ItemNames } from "./item_names.mjs";
import { StoredItems, isFull } from "./stored_items.mjs";

const { OP, StoreError } = frames;
/** An area that does not answer for this long is given up; whether it has written is then unknown. */
const ANSWER_TIMEOUT_MS = 30_000;

/**
 * @typedef {object} Area browser.storage.local, or what behaves like it
 * @property {(names: string | string[] | null) => Promise<Record<string, any>>} get
 * @property {(items: Record<string, any>) => Promise<void>} set
 * @property {(names: string | string[]) => Promise<void>} remove
 * @property {(names: string[] | null) => Promise<number>} [getBytesInUse]
 * @property {() => Promise<string[]>} [getKeys]
 * @property {number} [QUOTA_BYTES]
 *
 * @typedef {import("../../weft/idb_store.mjs").BatchId} BatchId
 * @typedef {{quotaBytes?: number | null, openTimeoutMs?: number}} ExtensionStoreOptions `quotaBytes`: null where the extension may write without limit
 */

export class ExtensionStore {
  /** @type {Promise<StoredItems> | null} */ #opening = null;
  #isOpen = false;
  /** @type {() => void} of the lock */ #release = () => {};
  /** @type {Promise<unknown>} the end of the last request */ #turn = Promise.resolve();

  /** @param {string} name @param {Area} area @param {ExtensionStoreOptions} [options] */
  constructor(name, area, { quotaBytes = area.QUOTA_BYTES ?? null, openTimeoutMs = 4_000 } = {}) {
    this.name = name;
    this.area = area;
    this.quotaBytes = quotaBytes;
    this.openTimeoutMs = openTimeoutMs;
    this.durability = /** @type {const} */ ("relaxed");
  }

  /**
   * Answer one request frame. Never rejects: failures are error replies.
   * @param {Uint8Array} frame @param {BatchId} [batch] of a client that may send it again; it may have been applied then
   * @returns {Promise<Uint8Array>}
   */
  call(frame, batch) {
    const answered = this.#turn.then(() => this.#answer(frame, batch));
    this.#turn = answered;
    return answered;
  }

  /** Resolves when what was asked is done and another context may have it. */
  close() {
    const closed = this.#turn.then(() => this.#forget());
    this.#turn = closed;
    return closed;
  }

  /** @param {Uint8Array} frame @param {BatchId} [batch] @returns {Promise<Uint8Array>} */
  async #answer(frame, batch) {
    try {
      this.#opening ??= this.#open();
      return await answer(await this.#opening, frame, batch);
    } catch (error) {
      const { code, message } = failure(error);
      // It may be half done, or have changed under our hands: who opens it again finds the write-ahead record, and reads the keys.
      if (code !== "StorageQuotaError" || !this.#isOpen) this.#forget();
      return frames.errorReply(code, message);
    }
  }

  async #open() {
    this.#release = await locked(`weft-store:${this.name}`, this.openTimeoutMs);
    const items = await StoredItems.open(patient(this.area), new ItemNames(this.name), this.quotaBytes);
    this.#isOpen = true;
    return items;
  }

  #forget() {
    this.#isOpen = false;
    this.#opening = null;
    this.#release();
    this.#release = () => {};
  }
}

/** @param {StoredItems} items @param {Uint8Array} frame @param {BatchId} [batch] @returns {Promise<Uint8Array>} */
async function answer(items, frame, batch) {
  switch (frames.opOf(frame)) {
    case OP.get: return frames.valueReply(await items.get(frames.readKey(frame)));
    case OP.has: return frames.flagReply(items.has(frames.readKey(frame)));
    case OP.scan: return items.scan(frames.readScan(frame));
    case OP.apply: return frames.flagReply(await items.apply(frame, batch));
    case OP.deletePrefix: return frames.countReply(await items.deletePrefix(frame));
    case OP.room: return frames.roomReply(await items.room());
    default: throw new StoreError("StorageError", `unknown storage operation ${frames.opOf(frame)}`);
  }
}

/** @param {string} name @param {number} timeoutMs @returns {Promise<() => void>} what gives it back */
function locked(name, timeoutMs) {
  return new Promise((resolve, reject) => {
    const held = () => new Promise((/** @type {(value?: unknown) => void} */ release) => resolve(release));
    navigator.locks.request(name, { signal: AbortSignal.timeout(timeoutMs) }, held).catch((error) => {
      const busy = error.name === "TimeoutError" || error.name === "AbortError";
      reject(busy ? new StoreError("StorageBlockedError", `another page of this extension has had it open for ${timeoutMs} ms`) : error);
    });
  });
}

/** The area, whose answers come in time. @param {Area} area @returns {Area} */
function patient(area) {
  const { getBytesInUse, getKeys } = area;
  return {
    get: (names) => within("StorageUnavailableError", area.get(names)),
    set: (items) => within("CommitUnknownError", area.set(items)),
    remove: (names) => within("CommitUnknownError", area.remove(names)),
    ...(getBytesInUse && { getBytesInUse: (/** @type {string[] | null} */ names) => within("StorageUnavailableError", getBytesInUse.call(area, names)) }),
    ...(getKeys && { getKeys: () => within("StorageUnavailableError", getKeys.call(area)) }),
  };
}

/** @template T @param {string} code of the error if it does not end @param {Promise<T>} work @returns {Promise<T>} */
function within(code, work) {
  return new Promise((resolve, reject) => {
    const late = () => reject(new StoreError(code, `the browser's storage did not answer within ${ANSWER_TIMEOUT_MS} ms`));
    const watchdog = setTimeout(late, ANSWER_TIMEOUT_MS);
    work.then(resolve, reject).finally(() => clearTimeout(watchdog));
  });
}

/** As a Python error's name and a reason. @param {unknown} error @returns {{code: string, message: string}} */
function failure(error) {
  if (error instanceof StoreError) return { code: error.code, message: error.message };
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { code: isFull(error) ? "StorageQuotaError" : "StorageError", message };
}

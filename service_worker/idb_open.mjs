/**
 * Opening an IndexedDB database, which settles in time whatever the browser does.
 *
 * A first open() may never settle (Safari, WebKit 226547), waits without an event while another tab upgrades or deletes the database, and fails
 * for a while when the browser cannot read its files. Each has an answer here: ask again after a nudge, name the other tab, ask again after a
 * pause. The database is never deleted, and its version never raised: the schema lives inside the records.
 */
import { Patience } from "./patience.mjs";
import { StoreError } from "./store_frames.mjs";

const STORES = ["data", "applied"]; // of a store; others say what they have
const PAUSES_MS = [50, 200, 800, 1_600];
const NUDGE_TIMEOUT_MS = 500;

/**
 * @param {string} name @param {number} deadlineMs in which this thread is awake @param {boolean} again it was open before: who asks has more patience of his own
 * @param {string[]} [stores] object stores that it has, made if it is new
 * @returns {Promise<IDBDatabase>} rejects with a StoreError
 */
export async function openDatabase(name, deadlineMs, again, stores = STORES) {
  const patience = new Patience(deadlineMs);
  try {
    return await tried(name, patience, again, stores);
  } finally {
    patience.end();
  }
}

/** @param {string} name @param {Patience} patience @param {boolean} again @param {string[]} stores */
async function tried(name, patience, again, stores) {
  let hung = false;
  for (let attempt = 0; ; attempt++) {
    try {
      return await openOnce(name, patience, hung ? patience.left : patience.ms / 2, stores);
    } catch (error) {
      if (error instanceof StoreError) throw error;
      if (error === HUNG && hung) throw await hungFor(name, patience);
      if (error === HUNG) {
        hung = true;
        await answers(patience); // in Safari this wakes the open() that sleeps
        continue;
      }
      const pause = again ? undefined : PAUSES_MS[attempt];
      if (pause === undefined || pause > patience.left) throw cannotOpen(name, error);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

const HUNG = Symbol("open() did not settle");

/** @param {string} name @param {Patience} patience @param {number} ms of it @param {string[]} stores @returns {Promise<IDBDatabase>} */
function openOnce(name, patience, ms, stores) {
  return new Promise((resolve, reject) => {
    const request = asked(name);
    let late = false;
    const settled = patience.after(ms, () => {
      late = true;
      reject(HUNG);
    });
    const fail = (/** @type {unknown} */ error) => {
      settled();
      reject(error);
    };
    request.onupgradeneeded = () => stores.forEach((store) => request.result.createObjectStore(store));
    request.onerror = () => fail(isDenied(request.error) ? denied(request.error) : request.error);
    request.onsuccess = () => {
      const db = request.result;
      if (late) return db.close();
      settled();
      if (stores.every((store) => db.objectStoreNames.contains(store))) return resolve(db);
      db.close();
      reject(new StoreError("StorageOpenError", `${name} was made or changed by another version of Weft; reload the page`));
    };
  });
}

/** Without a version: a newer build that has raised it keeps our two stores, and an older tab goes on. @param {string} name */
function asked(name) {
  try {
    return globalThis.indexedDB.open(name);
  } catch (error) { // also where there is no indexedDB
    throw denied(error);
  }
}

/** Whether IndexedDB answers at all. Never takes long. @param {Patience} patience @returns {Promise<IDBDatabaseInfo[] | null>} */
async function answers(patience) {
  const listed = Promise.resolve(globalThis.indexedDB.databases?.() ?? null).catch(() => null);
  return Promise.race([listed, new Promise((resolve) => patience.after(NUDGE_TIMEOUT_MS, () => resolve(null)))]);
}

/** @param {string} name @param {Patience} patience */
async function hungFor(name, patience) {
  const found = await answers(patience);
  const { ms } = patience;
  if (!found) return new StoreError("StorageUnavailableError", `opening ${name} took longer than ${ms} ms, and IndexedDB answers nothing else either`);
  return new StoreError("StorageBlockedError", `opening ${name} took longer than ${ms} ms, while IndexedDB answers`);
}

/** Firefox says InvalidStateError in a private window, Chromium UnknownError where the user blocks a site's data. @param {DOMException | null} error */
const isDenied = (error) => ["SecurityError", "InvalidStateError", "NotAllowedError"].includes(error?.name ?? "") || /denied permission/i.test(error?.message ?? "");

/** @param {unknown} error */
const denied = (error) => new StoreError("StorageDeniedError", error instanceof Error || error instanceof DOMException ? `${error.name}: ${error.message}` : "this context has no IndexedDB");

/** @param {string} name @param {unknown} error */
function cannotOpen(name, error) {
  const { name: kind, message } = /** @type {DOMException} */ (error) ?? {};
  const code = kind === "QuotaExceededError" ? "StorageQuotaError" : "StorageUnavailableError";
  return new StoreError(code, `${name} cannot be opened: ${kind}: ${message}`);
}

/**
 * Serves stores over ports, inside the Service Worker (or the background of an extension). It holds nothing that matters: a request says which store it means and carries all it
 * needs, so a stopped and restarted host answers as if nothing had happened.
 */
import { OLDEST, PROTOCOL, mismatch, understood } from "../browser/protocol.mjs";
import { IdbStore } from "./idb_store.mjs";

/** @type {Map<string, IdbStore>} open connections, made again on demand */
const stores = new Map();

/**
 * @typedef {{onmessage: ((event: MessageEvent) => void) | null, postMessage: (message: any, transfer: Transferable[]) => void}} Port
 * @typedef {(name: string, durability: "strict" | "relaxed") => {call: IdbStore["call"]}} StoreFor
 */

/** @type {StoreFor} */
function overIndexedDb(name, durability) {
  const key = `${durability} ${name}`;
  let store = stores.get(key);
  if (!store) stores.set(key, (store = new IdbStore(name, { durability })));
  return store;
}

/** @type {Promise<string | null> | null} */ let living = null;

/** The name of a lock that is held for as long as this worker lives: who waits for it learns at once that it was stopped. */
function lifeLock() {
  living ??= new Promise((resolve) => {
    const name = `weft-store-host:${Math.random().toString(36).slice(2)}${Date.now().toString(36)}`;
    if (!navigator.locks) return resolve(null);
    navigator.locks.request(name, () => {
      resolve(name);
      return new Promise(() => {});
    }).catch(() => resolve(null));
  });
  return living;
}

/**
 * Answer the requests that come through `port`. The work of a request belongs to the event that brought the port for as long as that lives.
 * @param {Port} port @param {number} v the protocol of who has asked for it; from 2 on the host introduces itself @param {StoreFor} [storeFor]
 */
export async function serveStore(port, v, storeFor = overIndexedDb) {
  port.onmessage = async ({ data }) => {
    if (!understood(data.v)) return port.postMessage({ id: data.id, error: mismatch(data.v, "the service worker").message, speaks: [OLDEST, PROTOCOL] }, []);
    const frame = await storeFor(data.name, data.durability).call(data.frame, data.batch);
    port.postMessage({ id: data.id, frame }, [/** @type {ArrayBuffer} */ (frame.buffer)]);
  };
  if (v >= 2) port.postMessage({ v, t: "host", lock: await lifeLock() }, []);
}

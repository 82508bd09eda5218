/**
 * Serves stores over ports, inside the Service Worker. It holds nothing that matters: a request says which store it means and carries all it
 * needs, so a stopped and restarted host answers as if nothing had happened.
 */
import { IdbStore } from "./idb_store.mjs";

const STORE_PROTOCOL = 1;

/** @type {Map<string, IdbStore>} open connections, made again on demand */
const stores = new Map();

/** @param {string} name @param {"strict" | "relaxed"} durability */
function storeFor(name, durability) {
  const key = `${durability} ${name}`;
  let store = stores.get(key);
  if (!store) stores.set(key, (store = new IdbStore(name, { durability })));
  return store;
}

/**
 * Answer the requests that come through `port`. The work of a request belongs to the event that brought the port for as long as that lives.
 * @param {MessagePort} port
 */
export function serveStore(port) {
  port.onmessage = async ({ data }) => {
    if (data.v !== STORE_PROTOCOL) {
      return port.postMessage({ id: data.id, error: `this service worker speaks store protocol ${STORE_PROTOCOL}, not ${data.v}; reload the page` });
    }
    const frame = await storeFor(data.name, data.durability).call(data.frame, data.batch);
    port.postMessage({ id: data.id, frame }, [/** @type {ArrayBuffer} */ (frame.buffer)]);
  };
}

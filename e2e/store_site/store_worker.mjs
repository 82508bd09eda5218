/** Loads Python without an engine and gives it stores: over IndexedDB directly, or over the Service Worker or the background of an extension. */
import { IdbStore } from "./weft/idb_store.mjs";
import { StoreClient } from "./weft/store_client.mjs";
import { loadInterpreter } from "./weft/interpreter.mjs";

const clients = new Set();
let made = 0;
let loading = null;

function bridgeTo(store) {
  const bridge = {
    store: (id, frame) => void store.call(frame).then((reply) => bridge.stored(id, reply)),
    attach: (stored) => (bridge.stored = stored),
    stored: () => {},
    close: () => store.close(),
    // As the browser does it: the connection is gone and nobody said so.
    lose: async () => (await store.handle.open()).close(),
  };
  return bridge;
}

function openStore(storage, name, durability) {
  if (storage === "direct") return bridgeTo(new IdbStore(name, { durability }));
  const client = new StoreClient(name, {
    durability, client: `client-${++made}-${Math.random()}`, needPort: (id) => postMessage({ t: "need-port", id: `${client.client}/${id}` }),
  });
  clients.add(client);
  return bridgeTo(client);
}

async function check(what, options) {
  loading ??= loadInterpreter({ base: new URL("./weft/", location.href).href, workflows: [new URL("./store_checks.py", location.href).href], activities: [] }, () => {});
  const { python } = await loading;
  python.runPython("import sys; sys.path.insert(0, '/weft_app')");
  return python.pyimport("store_checks").run(what, JSON.stringify(options), openStore);
}

self.onmessage = async ({ data }) => {
  if (data.t === "port") {
    const [name, id] = [data.id.slice(0, data.id.lastIndexOf("/")), Number(data.id.slice(data.id.lastIndexOf("/") + 1))];
    for (const client of clients) if (client.client === name) client.connected({ ...data, id });
    return;
  }
  try {
    postMessage({ id: data.id, ok: await check(data.what, data.options) });
  } catch (error) {
    postMessage({ id: data.id, error: String(error.stack ?? error) });
  }
};

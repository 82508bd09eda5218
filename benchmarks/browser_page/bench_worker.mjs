import { IdbStore } from "./weft/idb_store.mjs";
import { loadInterpreter } from "./weft/interpreter.mjs";

/** The least that a page can do: one record, one transaction, one promise. */
async function barePut() {
  const db = await new Promise((resolve, reject) => {
    const request = indexedDB.open(`bare-${Math.random()}`, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("s");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return (key, value) => new Promise((resolve, reject) => {
    const tx = db.transaction("s", "readwrite", { durability: "strict" });
    tx.oncomplete = () => resolve(undefined);
    tx.onabort = () => reject(tx.error);
    tx.objectStore("s").put(value, key);
    tx.commit();
  });
}

const WORK = {
  async stock() {
    const { loadPyodide } = await import("./stock/pyodide.mjs");
    const python = await loadPyodide({ indexURL: new URL("./stock/", location.href).href });
    python.runPython("1 + 1");
  },
  async steps({ count }) {
    const base = new URL("./weft/", location.href).href;
    const { python } = await loadInterpreter({ base, workflows: [new URL("./bench_flow.py", location.href).href], activities: [] }, () => {});
    python.runPython("import sys; sys.path.insert(0, '/weft_app')");
    const store = new IdbStore(`steps-${Math.random()}`, { durability: "strict" });
    const bridge = {
      store: (id, frame) => void store.call(frame).then((reply) => bridge.stored(id, reply)),
      attach: (stored) => (bridge.stored = stored),
    };
    return JSON.parse(await python.pyimport("bench_flow").measure(bridge, await barePut(), count));
  },
};

self.onmessage = async ({ data }) => {
  try {
    postMessage({ ok: await WORK[data.what](data) });
  } catch (error) {
    postMessage({ error: String(error.stack ?? error) });
  }
};

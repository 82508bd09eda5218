/**
 * The engine worker of a tab. It waits for the Web Lock of its store; until then it may load Python as a standby. With the lock it opens the
 * engine, says so to all tabs, answers their calls and sends them the events. It dies with its tab, and the next in line goes on.
 */
import { IdbStore } from "../service_worker/idb_store.mjs";
import { StoreClient } from "../service_worker/store_client.mjs";
import { loadInterpreter } from "./interpreter.mjs";
import { PROTOCOL, Responder } from "./rpc.mjs";

/**
 * @typedef {object} Init what the page sends first
 * @property {"init"} t
 * @property {string} id of this worker
 * @property {string} name of the store
 * @property {string} base URL of the build
 * @property {boolean} cached see Assets
 * @property {"direct" | "service-worker"} storage
 * @property {"strict" | "relaxed"} durability
 * @property {string[]} workflows URLs
 * @property {string[]} activities URLs
 */

/** @type {Init} */ let init;
/** @type {BroadcastChannel} */ let channel;
/** @type {StoreClient | IdbStore} */ let store;
/** @type {Promise<any> | null} the Python module weft_browser.main, ready to open an engine */ let prepared = null;
let leading = false; // holds the lock
let ready = false; // the engine is open
let opened = 0; // how often this worker has opened an engine

const toPage = (/** @type {object} */ message) => postMessage(message);
const toAll = (/** @type {object} */ message) => channel.postMessage({ v: PROTOCOL, ...message });
const status = (/** @type {object} */ change) => toPage({ t: "status", status: change });

/** What Python may call: flat values only, and these functions are made once. */
const bridge = {
  /** @param {number} id @param {Uint8Array} frame */
  store(id, frame) {
    store.call(frame).then((reply) => bridge.stored(id, reply));
  },
  /** @param {number} id @param {string} text */
  reply(id, text) {
    responder.reply(id, text);
  },
  /** @param {string} text */
  event(text) {
    toAll({ t: "event", text }); // also reaches this tab's page
  },
  /** @param {string} text */
  health(text) {
    health(JSON.parse(text));
  },
  /** @param {(id: number, reply: Uint8Array) => void} stored @param {(id: number, method: string, params: string) => void} called */
  attach(stored, called) {
    bridge.stored = stored;
    bridge.called = called;
  },
  /** @type {(id: number, reply: Uint8Array) => void} set by Python */ stored: () => {},
  /** @type {(id: number, method: string, params: string) => void} set by Python */ called: () => {},
};

const responder = new Responder((id, method, params) => bridge.called(id, method, params));

function prepare() {
  prepared ??= (async () => {
    const { python, workflows, activities } = await loadInterpreter(init, (stage, progress) => leading && status({ stage, progress }));
    const main = python.pyimport("weft_browser.main");
    try {
      main.prepare(bridge, workflows.join("\n"), activities.join("\n"));
    } catch (error) {
      throw Object.assign(new Error(pythonMessage(error)), { name: "WorkflowImportError" });
    }
    status({ standby: "warm" });
    return main;
  })();
  return prepared;
}

/** Runs while the lock is held. */
async function lead() {
  leading = true;
  status({ role: "leader", state: "loading" });
  const main = await prepare();
  status({ stage: "opening the store", progress: 0.95 });
  await openEngine(main);
  await new Promise(() => {}); // the lock is held for as long as this worker lives
}

/** @param {any} main */
async function openEngine(main) {
  const error = await main.open(JSON.stringify({ durability: init.durability }));
  if (error) throw Object.assign(new Error(), JSON.parse(error));
  ready = true;
  opened += 1;
  toPage(announcement());
  toAll(announcement());
}

const announcement = () => ({ t: "leader", leader: init.id, opened });

/** The store failed and the engine has stopped; its runs wait. Open it again, each time after a longer pause, until the store works. @param {number} pause ms */
function recover(pause) {
  setTimeout(async () => {
    try {
      await openEngine(await prepare());
    } catch (error) {
      status({ state: "degraded", error: plain(error) });
      recover(Math.min(pause * 2, 60_000));
    }
  }, pause);
}

/** @param {{state: string, error: {code: string, message: string}}} report */
function health({ state, error }) {
  ready = false;
  if (state === "fenced") return failed(error); // another engine owns the store: end, and stand in line again
  status({ state: "degraded", stage: "waiting for the store", error });
  recover(1_000);
}

/** @param {any} error */
function failed(error) {
  leading = ready = false;
  if (channel) toAll({ t: "ended", leader: init.id });
  toPage({ t: "failed", error: plain(error) });
}

/** @param {any} error */
const plain = (error) => ({ code: error.code ?? error.name ?? "Error", message: pythonMessage(error), facts: error.facts ?? {} });

/** A standby that could not load loads again when it is needed. @param {any} error */
function standbyFailed(error) {
  prepared = null;
  console.warn("weft: standby not loaded:", error);
}

/** The last line of a Python traceback says what is wrong; the whole of it goes to the console. @param {any} error */
function pythonMessage(error) {
  const text = String(error?.message ?? error);
  if (error?.name !== "PythonError") return text;
  console.error(text);
  return text.trim().split("\n").pop() ?? text;
}

/** @param {any} message from another tab */
function heard(message) {
  if (message.v !== PROTOCOL || !ready) return;
  if (message.t === "hello") toAll(announcement());
  else if (message.t === "call") responder.accept(message, toAll);
}

self.onmessage = ({ data }) => {
  switch (data.t) {
    case "init": return start(data);
    case "warm": return void prepare().catch(standbyFailed);
    case "call": return ready ? responder.accept(data, toPage) : undefined; // sent again when an engine is open
    case "port": return store instanceof StoreClient ? store.connected(data) : undefined;
  }
};

/** @param {Init} message */
function start(message) {
  init = message;
  channel = new BroadcastChannel(`weft:${init.name}`);
  channel.onmessage = ({ data }) => heard(data);
  const database = `weft:${init.name}`;
  store = init.storage === "direct"
    ? new IdbStore(database, { durability: init.durability })
    : new StoreClient(database, { durability: init.durability, client: init.id, needPort: (id) => toPage({ t: "need-port", id }) });
  if (!navigator.locks) return failed({ code: "WebLocksUnavailableError", message: "this browser has no Web Locks; use https or a newer browser" });
  navigator.locks.request(`weft:${init.name}`, lead).catch(failed);
}

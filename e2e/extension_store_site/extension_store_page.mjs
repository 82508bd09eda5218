/**
 * A page of the extension: `window.check(what, options)` runs storage checks in its worker, over IndexedDB or the store in the background;
 * `window.store(...)` is a store of this page's own, which can be made to stop in the middle of a batch.
 */
import { Broker } from "./weft/broker.mjs";
import { portToBackground } from "./engine/store/store_port.mjs";
import { ExtensionStore } from "./engine/store/extension_store.mjs";
import { applyRequest, keyRequest, rowsOf, scanRequest, textOf } from "./requests.mjs";

const api = globalThis.browser ?? chrome;
const broker = new Broker(null, portToBackground(api.runtime));
const worker = new Worker("./store_worker.mjs", { type: "module" });
const waiting = new Map();
worker.onmessage = ({ data }) => {
  if (data.t === "need-port") void broker.connect(worker, data.id);
  else waiting.get(data.id)(data);
};
let last = 0;
window.check = async (what, options = {}) => {
  const id = ++last;
  worker.postMessage({ t: "check", id, what, options });
  const { ok, error } = await new Promise((resolve) => waiting.set(id, resolve));
  if (error) throw new Error(error);
  return JSON.parse(ok);
};

/** The browser's storage, which stops for ever before its `stopAt`-th write from now (counted from 1), and after it if `after`. */
function stopping(stopAt, after) {
  let stopped;
  window.stopped = new Promise((resolve) => (stopped = resolve));
  const area = api.storage.local;
  let writes = 0;
  const write = (method) => async (argument) => {
    const stop = ++writes === stopAt;
    if (!stop || after) await area[method](argument);
    if (!stop) return;
    stopped();
    return new Promise(() => {});
  };
  return { get: (names) => area.get(names), getKeys: () => area.getKeys(), getBytesInUse: (names) => area.getBytesInUse(names), QUOTA_BYTES: area.QUOTA_BYTES, set: write("set"), remove: write("remove") };
}

/** The lock of a page that was closed is free when the browser has noticed. */
const PATIENT = { openTimeoutMs: 60_000 };

class Store {
  constructor(name, area = api.storage.local, options = PATIENT) {
    this.store = new ExtensionStore(name, area, options);
  }
  async #ask(frame, batch) {
    const reply = await this.store.call(frame, batch);
    if (reply[0] === 1) throw new Error(textOf(reply.subarray(1)));
    return reply;
  }
  get = async (key) => {
    const reply = await this.#ask(keyRequest(1, key));
    return reply[1] ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(reply.subarray(2)) : null;
  };
  rows = async (prefix, options = {}) => rowsOf(await this.#ask(scanRequest(prefix, options)));
  apply = async (conditions, ops, batch) => (await this.#ask(applyRequest(conditions, ops), batch))[1] === 1;
  deletePrefix = (prefix) => this.#ask(keyRequest(5, prefix));
  close = () => this.store.close();
  /** Another context may have it afterwards. */
  use = async (work) => {
    const done = await work(this);
    await this.close();
    return done;
  };
}

/**
 * Move a counter that others move, too: the store is another's between reading and writing. Resolves with how often it was us. Begins when
 * nobody holds the lock "count" alone.
 */
window.countInTurns = async (name, rounds) => {
  await navigator.locks.request("count", { mode: "shared" }, () => null);
  const s = new Store(name);
  let won = 0;
  for (let round = 0; round < rounds; round++) {
    const n = await s.use(() => s.get("n"));
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 3)); // two that take turns strictly would leave all to one
    won += await s.use(() => s.apply([["n", n]], [["n", String(Number(n) + 1)], [`by/${Math.random()}`, "1"]]));
  }
  return won;
};

window.store = (name, options) => new Store(name, undefined, options);
window.stoppingStore = (name, stopAt, after) => new Store(name, stopping(stopAt, after));
window.ready = true;

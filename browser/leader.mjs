/**
 * This tab's part in the group of tabs that share a store: its worker, the channel to the other tabs, and who leads.
 *
 * The worker that holds the Web Lock `weft:<name>` runs the engine; the browser hands the lock on when that worker dies. Pages send their calls
 * to the leading worker, their own or another tab's.
 */
import { PROTOCOL, WeftError, uniqueId } from "./rpc.mjs";
import { Broker } from "./broker.mjs";

/**
 * @typedef {object} Status
 * @property {"loading" | "ready" | "follower" | "degraded" | "closed"} state
 * @property {"leader" | "follower" | null} role
 * @property {"cold" | "warm"} standby warm: Python is loaded here, so that this tab can take over at once
 * @property {number} progress of loading, 0 to 1
 * @property {string} stage what is being loaded or done, for people
 * @property {"strict" | "relaxed"} durability
 * @property {"direct" | "service-worker"} storage
 * @property {boolean | null} persisted whether the browser promised not to evict the store; null while unknown
 * @property {{usage: number, quota: number} | null} quota bytes
 * @property {{code: string, message: string, facts?: Record<string, unknown>} | null} error
 *
 * @typedef {{event(event: any): void, leader(): void, closed(): void}} Listener
 */

/** A worker that dies is started again after these pauses; then the tab stays degraded. */
const RESTART_PAUSES_MS = [100, 1_000, 5_000];

export class Tab {
  /** @param {import("./client.mjs").OpenOptions} options @param {import("./rpc.mjs").Caller} caller */
  constructor(options, caller) {
    this.options = options;
    this.caller = caller;
    this.id = uniqueId();
    /** @type {string | null} the worker that leads */ this.leader = null;
    this.opened = 0;
    /** @type {string | null} this tab's worker */ this.workerId = null;
    /** @type {Worker | null} */ this.worker = null;
    this.restarts = 0;
    /** @type {Set<Listener>} */ this.listeners = new Set();
    /** @type {Set<(status: Status) => void>} */ this.watchers = new Set();
    this.channel = new BroadcastChannel(`weft:${options.name ?? "default"}`);
    this.broker = new Broker(options.serviceWorker ?? null);
    /** @type {Status} */
    this.status = {
      state: "loading", role: null, standby: "cold", progress: 0, stage: "starting", durability: options.durability ?? "strict",
      storage: options.storage ?? "direct", persisted: null, quota: null, error: null,
    };
    this.known = new Promise((resolve, reject) => {
      this.settleOpen = { resolve: () => resolve(undefined), reject };
    });
    this.known.catch(() => {}); // open() may have been left by then
  }

  /** Resolves when a leader answers; rejects when this tab should lead and cannot. */
  async open() {
    this.channel.onmessage = ({ data }) => this.#heard(data);
    if (this.status.storage === "service-worker") await this.broker.register();
    this.#startWorker();
    this.channel.postMessage({ v: PROTOCOL, t: "hello" });
    this.#followPageLifecycle();
    await this.known;
    void this.broker.register().catch((error) => console.warn("weft: no service worker:", error));
    void this.measure();
    if (this.status.role === "follower" && this.options.standby !== "cold") whenIdle(() => this.worker?.postMessage({ t: "warm" }));
  }

  /** @param {object} message to the leading worker; without one it is dropped, and sent again when there is one */
  send(message) {
    if (this.leader === null) return;
    if (this.leader === this.workerId) this.worker?.postMessage(message);
    else this.channel.postMessage(message);
  }

  /** @param {Listener} listener */
  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** @param {(status: Status) => void} callback */
  onStatus(callback) {
    this.watchers.add(callback);
    callback(this.status);
    return () => this.watchers.delete(callback);
  }

  async close() {
    if (this.status.state === "closed") return;
    this.#stopWorker();
    this.channel.close();
    const error = { code: "ClientClosedError", message: "this Weft client was closed; open a new one" };
    this.caller.rejectAll(error);
    this.settleOpen.reject(new WeftError(error));
    this.#set({ state: "closed", role: null, stage: "closed" });
    for (const listener of this.listeners) listener.closed();
  }

  /** Ask the browser to keep the store. It may refuse, or ask the user. */
  async persist() {
    await navigator.storage?.persist?.();
    await this.measure();
  }

  /** Find out how full the store is and whether it may be evicted. */
  async measure() {
    const storage = navigator.storage; // absent in WebKitGTK and on plain http
    if (!storage) return;
    const [persisted, { usage = 0, quota = 0 }] = await Promise.all([storage.persisted(), storage.estimate()]);
    this.#set({ persisted, quota: { usage, quota } });
  }

  // -------------------------------------------------------------- the worker

  #startWorker() {
    const page = document.baseURI;
    const base = new URL(this.options.base ?? "./", this.options.base ? page : import.meta.url).href;
    const absolute = (/** @type {string[] | undefined} */ paths) => (paths ?? []).map((path) => new URL(path, page).href);
    this.workerId = uniqueId();
    const worker = new Worker(new URL("worker.mjs", base), { type: "module", name: `weft:${this.options.name ?? "default"}` });
    this.worker = worker;
    worker.onmessage = ({ data }) => this.worker === worker && this.#fromWorker(data);
    worker.onerror = (event) => {
      event.preventDefault();
      if (this.worker === worker) this.#workerFailed({ code: "WorkerError", message: event.message || `${base}worker.mjs cannot be loaded` });
    };
    worker.postMessage({
      t: "init", id: this.workerId, name: this.options.name ?? "default", base, storage: this.status.storage, durability: this.status.durability,
      cached: Boolean(navigator.serviceWorker?.controller),
      workflows: absolute(this.options.workflows), activities: absolute(this.options.activities),
    });
  }

  #stopWorker() {
    this.worker?.terminate(); // the browser releases its Web Lock; a half-done transaction ends whole or not at all
    this.worker = null;
    if (this.leader === this.workerId) this.leader = null;
    this.workerId = null;
  }

  /** @param {any} message */
  #fromWorker(message) {
    switch (message.t) {
      case "reply": return this.caller.settle(message);
      case "leader": return this.#leads(message);
      case "need-port": return void this.broker.connect(this.worker, message.id);
      case "status": return this.#set(message.status);
      case "failed": return this.#workerFailed(message.error);
    }
  }

  /** @param {{code: string, message: string, facts?: Record<string, unknown>}} error */
  #workerFailed(error) {
    const wasLeader = this.status.role === "leader";
    this.#stopWorker();
    const pause = RESTART_PAUSES_MS[this.restarts++];
    const offline = String(error.facts?.reason).startsWith("cannot be loaded"); // it may come back
    const hopeless = pause === undefined || error.code === "WorkflowImportError" || (error.code === "AssetError" && !offline);
    this.#set({ state: "degraded", role: null, standby: "cold", stage: "stopped", error });
    if (hopeless) this.settleOpen.reject(new WeftError(error));
    else setTimeout(() => this.status.state !== "closed" && !this.worker && this.#startWorker(), wasLeader ? pause : pause * 2);
  }

  // -------------------------------------------------------------- the other tabs

  /** @param {any} message */
  #heard(message) {
    if (message.v !== PROTOCOL) return;
    if (message.t === "reply" && message.to === this.caller.from) this.caller.settle(message);
    else if (message.t === "event") this.#publish(message.text);
    else if (message.t === "leader") this.#leads(message);
    else if (message.t === "ended" && message.leader === this.leader) this.leader = null;
  }

  /** @param {{leader: string, opened: number}} message a worker leads, and has opened an engine for the so-many-th time */
  #leads({ leader, opened }) {
    const own = leader === this.workerId;
    const changed = leader !== this.leader || opened !== this.opened;
    this.leader = leader;
    this.opened = opened;
    if (own) this.restarts = 0;
    if (own) this.#set({ state: "ready", role: "leader", stage: "ready", progress: 1, error: null });
    else this.#set({ state: "follower", role: "follower", stage: "another tab leads", error: null });
    this.settleOpen.resolve();
    if (!changed) return;
    this.caller.resend();
    for (const listener of this.listeners) listener.leader();
  }

  /** @param {string} text */
  #publish(text) {
    if (!this.listeners.size) return;
    const event = JSON.parse(text);
    for (const listener of this.listeners) listener.event(event);
  }

  /** A frozen tab or one in the back/forward cache must not keep the lock. */
  #followPageLifecycle() {
    const sleep = () => this.worker && this.#stopWorker();
    const wake = () => {
      if (this.worker || this.status.state === "closed") return;
      this.#set({ state: "loading", role: null, standby: "cold", stage: "waking", progress: 0 });
      this.#startWorker();
      this.channel.postMessage({ v: PROTOCOL, t: "hello" });
    };
    document.addEventListener("freeze", sleep);
    document.addEventListener("resume", wake);
    window.addEventListener("pagehide", (event) => event.persisted && sleep());
    window.addEventListener("pageshow", (event) => event.persisted && wake());
  }

  /** @param {Partial<Status>} change */
  #set(change) {
    if (this.status.state === "closed") return;
    const next = { ...this.status, ...change };
    if (JSON.stringify(next) === JSON.stringify(this.status)) return;
    this.status = next;
    for (const watcher of this.watchers) watcher(this.status);
  }
}

/** @param {() => void} work */
function whenIdle(work) {
  if ("requestIdleCallback" in globalThis) requestIdleCallback(work, { timeout: 2_000 });
  else setTimeout(work, 500);
}

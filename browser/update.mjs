/**
 * A new build of the site, from its discovery to the reload of all tabs. It comes in beside the old one and waits: it takes over when the last
 * tab of the old one is closed, or when `apply()` is called, which never happens by itself.
 *
 * `apply()` drains the engines of all tabs of the site to a checkpoint, ends their workers and with them all connections, lets the new Service
 * Worker take over, and reloads the tabs. A tab that does not answer, or crashes in this, loses nothing: it is a tab that crashed. While it
 * applies an update a tab holds a Web Lock, so those that drained for it learn that it is gone, and go on.
 */
import { BUILD, BUNDLED } from "./build.mjs";
import { PROTOCOL, understood } from "./protocol.mjs";
import { WeftError, uniqueId } from "./rpc.mjs";

const CHECK_EVERY_MS = 3_600_000;
const ACTIVATION_MS = 10_000;
/** A Service Worker that has to be started first may take its time; one of a protocol that knows no such question never says its build. */
const BUILD_MS = 30_000;
/** Tabs that have an engine to drain say so within this time; one that is frozen has none. */
const ANSWER_MS = 500;
/** A tab that keeps its build lets others lead first. */
const GIVE_WAY_MS = 10_000;
const GOES_ON = "it goes on as before";
/** Asked for at once: another one may take over while the page opens. */
const servedBy = globalThis.navigator?.serviceWorker?.controller;

/**
 * @typedef {{build: string, state: "available" | "applying" | "applied"}} UpdateStatus
 * @typedef {{build: string, apply: (options?: {patience?: number}) => Promise<void>}} Update `patience`: seconds for activities in flight to end
 */

export class Updates {
  /** @type {ServiceWorkerRegistration | null} */ #registration = null;
  /** @type {BroadcastChannel | null} */ #channel = null;
  /** @type {ServiceWorker | null} of which the page was told */ #told = null;
  /** @type {Set<string>} tabs that drain for this one's apply() */ #draining = new Set();
  #allDrained = () => {};
  /** @type {AbortController | undefined} aborted when the tab for which this one drained says how it went on */ #heardOn;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #checking;
  /** @type {string | Promise<string>} of this page */ #build = BUILD;

  /** @param {import("./leader.mjs").Tab} tab */
  constructor(tab) {
    this.tab = tab;
    this.id = uniqueId();
    /** @type {Update | null} */ this.available = null;
  }

  /** @param {ServiceWorkerRegistration} registration */
  watch(registration) {
    this.#registration = registration;
    if (BUNDLED && servedBy) this.#build = buildOf(servedBy);
    this.#channel = new BroadcastChannel(`weft-site:${new URL(registration.scope).pathname}`);
    this.#channel.onmessage = ({ data }) => understood(data.v) && void this.#heard(data);
    const found = () => registration.waiting && navigator.serviceWorker.controller && void this.#tell(registration.waiting);
    registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", found));
    found();
    this.#checking = setInterval(() => void this.check(), CHECK_EVERY_MS);
  }

  /** Ask the server for a new build, unless that is certain to fail. A page that asks as soon as Weft is open may have no Service Worker yet. */
  async check() {
    const registration = this.#registration ?? (await this.tab.broker.register().catch(() => null));
    if (navigator.onLine && !registration?.installing) await registration?.update().catch(() => {});
  }

  close() {
    clearInterval(this.#checking);
    this.#channel?.close();
  }

  /** @param {ServiceWorker} waiting */
  async #tell(waiting) {
    if (this.#told === waiting) return;
    this.#told = waiting;
    const build = await buildOf(waiting);
    if (waiting.state !== "installed") return; // it took over meanwhile, or was replaced
    this.available = { build, apply: (options) => this.#apply(waiting, build, options?.patience ?? 10) };
    this.tab.board.set({ update: { build, state: "available" } });
    this.tab.options.onUpdateAvailable?.(this.available);
  }

  /** @param {ServiceWorker} waiting @param {string} build @param {number} patience seconds */
  async #apply(waiting, build, patience) {
    if (waiting.state === "redundant" || this.tab.status.update?.state === "applied")
      throw new WeftError({ code: "NoUpdateError", message: `build ${build} does not wait any more; look at weft.status.update` });
    const lock = `weft-update:${new URL(/** @type {ServiceWorkerRegistration} */ (this.#registration).scope).pathname}`;
    const work = () => this.#changeOver(waiting, build, patience, lock);
    await (navigator.locks ? navigator.locks.request(lock, work) : work());
  }

  /** @param {ServiceWorker} waiting @param {string} build @param {number} patience seconds @param {string} lock that is held */
  async #changeOver(waiting, build, patience, lock) {
    this.tab.board.set({ update: { build, state: "applying" } });
    this.#post({ step: "drain", patience, build, lock });
    await Promise.all([this.tab.pause(patience), this.#othersDrained(patience)]);
    waiting.postMessage({ v: PROTOCOL, t: "activate" }); // it may have taken over already, after an earlier call had given up
    if (!(await activated(waiting))) {
      this.#post({ step: "resume" });
      this.#goOn();
      throw new WeftError({ code: "UpdateFailedError", message: `the service worker of build ${build} did not take over; everything goes on as it was, and apply() may be called again` });
    }
    this.#post({ step: "reload", build });
    await this.#reload(build);
  }

  /** @param {number} patience */
  async #othersDrained(patience) {
    await new Promise((resolve) => setTimeout(resolve, ANSWER_MS));
    const late = new Promise((resolve) => setTimeout(resolve, (patience + 5) * 1_000));
    await Promise.race([late, this.#all()]);
    this.#draining.clear();
  }

  /** @returns {Promise<void>} */
  #all() {
    if (!this.#draining.size) return Promise.resolve();
    return new Promise((resolve) => (this.#allDrained = () => resolve()));
  }

  /** @param {any} message of the tab that applies an update, or of those that drain for it */
  async #heard(message) {
    switch (message.step) {
      case "drain": return this.#drain(message);
      case "draining": return void this.#draining.add(message.tab);
      case "drained":
        this.#draining.delete(message.tab);
        return this.#draining.size ? undefined : this.#allDrained();
      case "resume": return this.#goOn();
      case "reload":
        this.#heardOn?.abort();
        return this.#reload(message.build);
    }
  }

  /** Another tab applies an update. If it dies in that, this one goes on. @param {{patience: number, build: string, lock?: string}} message */
  async #drain({ patience, build, lock }) {
    const { signal } = (this.#heardOn = new AbortController());
    this.tab.board.set({ update: { build, state: "applying" } });
    this.#post({ step: "draining", tab: this.id });
    await this.tab.pause(patience);
    this.#post({ step: "drained", tab: this.id });
    if (signal.reason === GOES_ON) return this.#goOn(); // it did not wait for this tab any more
    if (!lock || !navigator.locks) return;
    const gone = await navigator.locks.request(lock, { signal }, () => true).catch(() => false);
    if (gone) await new Promise((resolve) => setTimeout(resolve, ANSWER_MS)); // what it said last may come later than its lock
    if (gone && !signal.aborted) this.#goOn();
  }

  /** As it was before. */
  #goOn() {
    this.#heardOn?.abort(GOES_ON);
    const { update } = this.tab.status;
    if (update?.state === "applying") this.tab.board.set({ update: { ...update, state: "available" } });
    this.tab.resume();
  }

  /** @param {string} build */
  async #reload(build) {
    if (build === (await this.#build)) return this.tab.resume(); // opened in the meantime, and new already
    if (this.tab.options.reloadOnUpdate !== false) return location.reload();
    this.tab.board.set({ update: { build, state: "applied" } });
    const stop = this.tab.subscribe({ event() {}, closed() {}, leader: () => begin() });
    const begin = () => {
      clearTimeout(late);
      stop();
      this.tab.resume();
    };
    const late = setTimeout(begin, GIVE_WAY_MS);
  }

  /** @param {object} message */
  #post(message) {
    this.#channel?.postMessage({ v: PROTOCOL, t: "update", ...message });
  }
}

/** @param {ServiceWorker} worker @returns {Promise<string>} */
function buildOf(worker) {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    setTimeout(() => resolve("unknown"), BUILD_MS);
    port1.onmessage = ({ data }) => resolve(data.build ?? "unknown");
    worker.postMessage({ v: PROTOCOL, t: "build" }, [port2]);
  });
}

/** @param {ServiceWorker} worker @returns {Promise<boolean>} whether it took over in time */
function activated(worker) {
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve(false), ACTIVATION_MS);
    const look = () => {
      if (worker.state !== "activated" && worker.state !== "redundant") return;
      clearTimeout(late);
      resolve(worker.state === "activated");
    };
    worker.addEventListener("statechange", look);
    look();
  });
}

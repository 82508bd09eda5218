/**
 * The page's client of Weft. Every tab has one; one tab's worker leads and runs the engine, and all tabs use the same calls.
 *
 *     const weft = await Weft.open({ workflows: ["./checkout.py"], name: "shop" });
 *     const run = await weft.start("checkout", [order]);
 *     for await (const event of weft.tail(run.id)) console.log(event.type);
 */
import { Caller, WeftError, uniqueId } from "./rpc.mjs";
import { Tab } from "./leader.mjs";
import { noticeReviews } from "./review_notices.mjs";
import { abortable, tailAll, tailItems, tailRun } from "./tail.mjs";
import { exportStore, importStore } from "./transfer.mjs";
import { Verbs } from "./verbs.mjs";

export { WeftError };

/**
 * What a page's own types may name.
 * @typedef {import("./types.mjs").Run} Run
 * @typedef {import("./types.mjs").RunStatus} RunStatus
 * @typedef {import("./types.mjs").FramesView} FramesView
 * @typedef {import("./types.mjs").Review} Review
 * @typedef {import("./events.mjs").WeftEvent} WeftEvent
 * @typedef {import("./status.mjs").Status} Status
 * @typedef {import("./verbs.mjs").Filter} Filter
 * @typedef {import("./verbs.mjs").StartOptions} StartOptions
 */

/**
 * @typedef {object} OpenOptions
 * @property {string} [base] where `weft browser build` put its files, relative to the page; default "./weft/"
 * @property {string[]} [workflows] Python files with workflows (and their activities), relative to the page
 * @property {string[]} [activities] Python files whose activities replace those of the same name
 * @property {string} [name] of the store; tabs that open the same name share one engine
 * @property {"direct" | "service-worker"} [storage] who talks to IndexedDB
 * @property {"strict" | "relaxed"} [durability]
 * @property {string | null} [serviceWorker] the built sw.mjs, relative to the page; null registers none
 * @property {boolean} [background] whether the Service Worker may drive due runs when the browser wakes it and no tab leads; default true
 * @property {"warm" | "cold"} [standby] whether a follower loads Python ahead of a takeover
 * @property {"auto" | "soon" | "off"} [snapshot] of Python's memory, for quick starts: made when the first start has been over for a while, at once, or never
 * @property {number} [heapLimitMB] of Python's memory, which only grows: past it the engine is drained and its worker replaced; default 512
 * @property {import("./server.mjs").ServerOptions} [server] to which runs go whose workflow says so; a token, or a function that gives it, is never stored
 * @property {number} [loopLimit] seconds that a workflow or activity may compute without a pause before it is ended; 0: as long as it likes; default 30
 * @property {boolean} [requireDurable] refuse to open where the browser keeps nothing, instead of running in memory
 * @property {boolean} [persist] ask the browser, after the first start, not to evict the store; default true
 * @property {number} [deadlineMs] for calls other than result()
 * @property {(status: import("./status.mjs").Status) => void} [onStatus]
 * @property {(update: import("./update.mjs").Update) => void} [onUpdateAvailable] a new build is there and waits; `update.apply()` changes over
 * @property {boolean} [reloadOnUpdate] false: this tab keeps its build when an update is applied, until it is reloaded; default true
 */

/** A call that waits for a stream is made again after this time, for a page may go without a word. */
const STREAM_WAIT_S = 60;
const BEGINNINGS = new Set(["start", "start_or_signal", "start_debounced", "start_batched", "schedule_create"]);

/** The verbs are in verbs.mjs and operating.mjs; here is what a page needs besides: opening, waiting, following, closing. */
export class Weft extends Verbs {
  /** @type {Tab} */ #tab;
  /** @type {Caller} */ #caller;

  /** Use {@link Weft.open}. @param {Tab} tab @param {Caller} caller @param {OpenOptions} options */
  constructor(tab, caller, { deadlineMs = 30_000, persist = true }) {
    let askPersist = persist;
    super(async (method, params, deadline) => {
      const answer = await caller.call(method, params, deadline);
      if (askPersist && BEGINNINGS.has(method)) {
        askPersist = false;
        if (tab.status.durability !== "memory") void tab.persist();
      }
      return answer;
    }, deadlineMs);
    this.#tab = tab;
    this.#caller = caller;
  }

  /** Resolves when an engine answers: this tab's, or the one of the tab that leads. @param {OpenOptions} options @returns {Promise<Weft>} */
  static async open(options = {}) {
    const caller = new Caller(uniqueId(), (message) => tab.send(message));
    const tab = new Tab(options, caller);
    const weft = new Weft(tab, caller, options);
    if (options.onStatus) weft.onstatus(options.onStatus);
    await tab.open();
    return weft;
  }

  /** Wait for the run to end; resolves with its result, rejects with its error. @param {string} id */
  async result(id) {
    const { result, error } = await this.#caller.call("result", { id }, 0);
    if (error) throw new WeftError(error);
    return result;
  }

  /**
   * The run's events from `after` on, in order and without gaps, over changes of the leader; ends when the run does. Without an id: the
   * events of all runs in the order in which they became durable, after a cursor of events(), "oldest", or "now" (the default); ends never.
   * `signal` ends either at once, which leaving the loop does not while it waits for an event.
   * @param {string | null} [id] @param {{after?: number | string, signal?: AbortSignal}} [options]
   * @returns {AsyncGenerator<import("./events.mjs").WeftEvent, void, void>}
   */
  tail(id = null, { after, signal } = {}) {
    const read = (/** @type {string} */ method) => (/** @type {object} */ params) => this.#caller.call(method, params, 0);
    const source = { history: read("history"), events: read("events") };
    const feed = abortable(this.#tab, signal);
    return id === null ? tailAll(source, feed, String(after ?? "now")) : tailRun(source, feed, id, Number(after ?? 0));
  }

  /**
   * The items of a stream from `after` on, each once, over changes of the leader; ends with the stream or the run.
   * It waits in the engine, which looks when something of the run is committed. `signal` ends it at once.
   * @param {string} id @param {string} name @param {{after?: number, signal?: AbortSignal}} [options]
   * @returns {AsyncGenerator<{seq: number, step: number, value?: any, reset?: true}, void, void>}
   */
  tailStream(id, name, { after = 0, signal } = {}) {
    return tailItems((from) => this.#caller.call("stream_read", { id, name, after: from, wait: STREAM_WAIT_S }, 0), after, signal);
  }

  /**
   * Everything in the store as one file, as at one commit, while runs go on. `weft import` and every page's import() take it.
   * @param {{compress?: boolean, onProgress?: (progress: {bytes: number}) => void}} [options] @returns {Promise<Blob>}
   */
  export(options) {
    return exportStore((...call) => this.call(...call), options);
  }

  /**
   * Make the store what the file says: all of it or nothing. Every tab goes on with it. Only into an empty store, unless `replace`; the runs
   * of the file go on here, so end the original first, or say `asNew` for a copy that has an identity of its own.
   * @param {Blob} file @param {{replace?: boolean, asNew?: boolean, onProgress?: (progress: {bytes: number, of: number}) => void}} [options]
   * @returns {Promise<import("./transfer.mjs").Imported>}
   */
  ["import"](file, options) {
    // The name is quoted: Vite 8.1.0 takes a method of that name for an import expression, and breaks it (vitejs/vite #22750).
    return importStore((...call) => this.call(...call), file, options);
  }

  /**
   * Ask the browser never to evict this site's data: upon a click, as Firefox asks the user. It is asked after the first start besides.
   * @returns {Promise<boolean | null>} whether it promised; null where it cannot be asked
   */
  persist() {
    return this.#tab.persist();
  }

  /** The user has been told that an earlier store is gone (`status.evicted`): say so no more. */
  dismissEviction() {
    return this.#tab.dismissEviction();
  }

  /**
   * Ask for reviews in notifications with Approve and Reject, now and while this tab is open. Call it after a click: the browser asks the user for
   * permission. A decision there is kept even if no engine can run at that moment.
   * @param {import("./review_notices.mjs").NoticeOptions} [options] @returns {Promise<NotificationPermission>}
   */
  noticeReviews(options = {}) {
    return noticeReviews(this, this.#tab.options.name ?? "default", this.#tab.broker.register(), options);
  }

  get status() {
    return this.#tab.status;
  }

  /** @param {(status: import("./status.mjs").Status) => void} callback called now and on each change @returns {() => void} unsubscribe */
  onstatus(callback) {
    return this.#tab.board.watch(callback);
  }

  /** A new build of the site that waits, or null. */
  get availableUpdate() {
    return this.#tab.updates.available;
  }

  /** Ask the server now whether there is a new build; it is done every hour. */
  checkForUpdate() {
    return this.#tab.updates.check();
  }

  /** Stop this tab's worker; another tab takes over. Runs stay where they are. */
  close() {
    return this.#tab.close();
  }
}

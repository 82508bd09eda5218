/**
 * The page's client of Weft. Every tab has one; one tab's worker leads and runs the engine, and all tabs use the same calls.
 *
 *     const weft = await Weft.open({ workflows: ["./checkout.py"], name: "shop" });
 *     const run = await weft.start("checkout", [order]);
 *     for await (const event of weft.tail(run.id)) console.log(event.type);
 */
import { Asking } from "./asking.mjs";
import { Caller, WeftError, uniqueId } from "./rpc.mjs";
import { Tab } from "./leader.mjs";
import { noticeReviews } from "./review_notices.mjs";

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
 * @property {"direct" | "service-worker" | "extension"} [storage] who talks to IndexedDB; "extension": browser.storage.local instead, at the other end of `storagePort`
 * @property {() => Promise<MessagePort>} [storagePort] a new port to who serves a store of an extension; its pages have it from store_port.mjs
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

const BEGINNINGS = new Set(["start", "start_or_signal", "start_debounced", "start_batched", "schedule_create"]);

/** The verbs are in verbs.mjs and operating.mjs, waiting and following in asking.mjs; here is what a page with an engine of its own needs besides. */
export class Weft extends Asking {
  /** @type {Tab} */ #tab;

  /** Use {@link Weft.open}. @param {Tab} tab @param {Caller} caller @param {OpenOptions} options */
  constructor(tab, caller, { deadlineMs = 30_000, persist = true }) {
    let askPersist = persist;
    super(caller, tab, deadlineMs, (method) => {
      if (!askPersist || !BEGINNINGS.has(method)) return;
      askPersist = false;
      if (tab.status.durability !== "memory") void tab.persist();
    });
    this.#tab = tab;
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

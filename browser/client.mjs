/**
 * The page's client of Weft. Every tab has one; one tab's worker leads and runs the engine, and all tabs use the same calls.
 *
 *     const weft = await Weft.open({ workflows: ["./checkout.py"], name: "shop" });
 *     const run = await weft.start("checkout", [order]);
 *     for await (const event of weft.tail(run.id)) console.log(event.type);
 */
import { Caller, WeftError, uniqueId } from "./rpc.mjs";
import { Tab } from "./leader.mjs";
import { tailAll, tailRun } from "./tail.mjs";

export { WeftError };

/**
 * @typedef {object} OpenOptions
 * @property {string} [base] where `weft browser build` put its files, relative to the page; default "./weft/"
 * @property {string[]} [workflows] Python files with workflows (and their activities), relative to the page
 * @property {string[]} [activities] Python files whose activities replace those of the same name
 * @property {string} [name] of the store; tabs that open the same name share one engine
 * @property {"direct" | "service-worker"} [storage] who talks to IndexedDB
 * @property {"strict" | "relaxed"} [durability]
 * @property {string | null} [serviceWorker] the built sw.mjs, relative to the page; null registers none
 * @property {"warm" | "cold"} [standby] whether a follower loads Python ahead of a takeover
 * @property {boolean} [persist] ask the browser, after the first start, not to evict the store; default true
 * @property {number} [deadlineMs] for calls other than result()
 * @property {(status: import("./leader.mjs").Status) => void} [onStatus]
 */

export class Weft {
  /** @type {Tab} */ #tab;
  /** @type {Caller} */ #caller;
  /** @type {number} */ #deadlineMs;
  /** @type {boolean} */ #askPersist;

  /** Use {@link Weft.open}. @param {Tab} tab @param {Caller} caller @param {OpenOptions} options */
  constructor(tab, caller, { deadlineMs = 30_000, persist = true }) {
    this.#tab = tab;
    this.#caller = caller;
    this.#deadlineMs = deadlineMs;
    this.#askPersist = persist;
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
   * Start a run. A call that is repeated because a tab died starts it once: without a key of yours, the page makes one per call.
   * @param {string} workflow @param {unknown[]} [input] positional @param {{id?: string, idempotencyKey?: string}} [options]
   */
  async start(workflow, input = [], { id, idempotencyKey } = {}) {
    const key = idempotencyKey ?? `page-${uniqueId()}`;
    const run = await this.#call("start", { workflow, input, id, idempotency_key: key });
    if (this.#askPersist) this.#tab.persist();
    this.#askPersist = false;
    return run;
  }

  /** @param {string} id @param {string} name @param {unknown} [payload] @param {{signalId?: string}} [options] */
  signal(id, name, payload = null, { signalId } = {}) {
    return this.#call("signal", { id, name, payload, signal_id: signalId ?? `page-${uniqueId()}` });
  }

  /** The answer from committed state, also of a parked run. @param {string} id @param {string} name @param {...unknown} args */
  async query(id, name, ...args) {
    return (await this.#call("query", { id, name, args })).value;
  }

  /** @param {string} id @param {string} [reason] */
  cancel(id, reason) {
    return this.#call("cancel", { id, reason });
  }

  /**
   * Runs, the newest first.
   * @param {{status?: string, workflow?: string, limit?: number, cursor?: string}} [filter]
   * @returns {Promise<{items: any[], cursor: string | null}>}
   */
  list(filter = {}) {
    return this.#call("list", filter);
  }

  /** @param {string} id */
  describe(id) {
    return this.#call("describe", { id });
  }

  /**
   * Events of a run with a sequence number above `after`.
   * @param {string} id @param {{after?: number, limit?: number}} [options] @returns {Promise<any[]>}
   */
  history(id, { after = 0, limit } = {}) {
    return this.#call("history", { id, after, limit });
  }

  /** Where the run's code stands, with its local variables. @param {string} id */
  frames(id) {
    return this.#call("frames", { id });
  }

  workflows() {
    return this.#call("workflows", {});
  }

  diagnostics() {
    return this.#call("diagnostics", {});
  }

  /** Wait for the run to end; resolves with its result, rejects with its error. @param {string} id */
  async result(id) {
    const { result, error } = await this.#caller.call("result", { id }, 0);
    if (error) throw new WeftError(error);
    return result;
  }

  /**
   * The run's events from `after` on, in order and without gaps, over changes of the leader; ends when the run does. Without an id: the
   * events of all runs from now on, in order for each run.
   * @param {string | null} [id] @param {{after?: number}} [options] @returns {AsyncGenerator<any, void, void>}
   */
  tail(id = null, { after = 0 } = {}) {
    return id === null ? tailAll(this, this.#tab) : tailRun(this, this.#tab, id, after);
  }

  get status() {
    return this.#tab.status;
  }

  /** @param {(status: import("./leader.mjs").Status) => void} callback called now and on each change @returns {() => void} unsubscribe */
  onstatus(callback) {
    return this.#tab.onStatus(callback);
  }

  /** Stop this tab's worker; another tab takes over. Runs stay where they are. */
  close() {
    return this.#tab.close();
  }

  /** @param {string} method @param {object} params */
  #call(method, params) {
    return this.#caller.call(method, params, this.#deadlineMs);
  }
}

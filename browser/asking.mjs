/** What a client can ask of an engine wherever that is: the verbs, and what needs more than one call: waiting, following, the whole store. */
import { WeftError } from "./rpc.mjs";
import { abortable, tailAll, tailItems, tailRun } from "./tail.mjs";
import { exportStore, importStore } from "./transfer.mjs";
import { Verbs } from "./verbs.mjs";

/** A call that waits for a stream is made again after this time, for a page may go without a word. */
const STREAM_WAIT_S = 60;

export class Asking extends Verbs {
  /** @type {import("./rpc.mjs").Caller} */ #caller;
  /** @type {import("./tail.mjs").Feed} */ #feed;

  /**
   * @param {import("./rpc.mjs").Caller} caller @param {import("./tail.mjs").Feed} feed who tells of events and of a new leader
   * @param {number} deadlineMs for calls other than result() @param {(method: string) => void} [answered] told of each verb that had its answer
   */
  constructor(caller, feed, deadlineMs, answered = () => {}) {
    super(async (method, params, deadline) => {
      const answer = await caller.call(method, params, deadline);
      answered(method);
      return answer;
    }, deadlineMs);
    this.#caller = caller;
    this.#feed = feed;
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
    const feed = abortable(this.#feed, signal);
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

  /** @param {() => void} callback called whenever another engine begins to answer @returns {() => void} unsubscribe */
  onleader(callback) {
    return this.#feed.subscribe({ event() {}, closed() {}, leader: callback });
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
}

/**
 * What a page can say to the engine: one method for each verb of the wire (weft_core/client/methods/). Options are in camelCase here and in
 * snake_case there; durations are seconds or text ("3 days"), instants epoch seconds (in filters also ISO text), inputs the list of positional inputs.
 *
 * A call is sent again when the leading tab dies, so each says which call it is: with a key of yours, else with one that the page makes.
 */
import { Operating, key, onWire } from "./operating.mjs";

/**
 * @typedef {number | string} Duration
 *
 * @typedef {object} StartOptions
 * @property {string} [id]
 * @property {string} [idempotencyKey]
 * @property {Duration} [delay]
 * @property {number} [startAt] epoch seconds
 * @property {Duration} [executionTimeout]
 * @property {"error" | "return_existing" | "restart"} [onConflict]
 * @property {Record<string, unknown>} [attributes]
 * @property {string[]} [tags]
 * @property {Record<string, string>} [headers]
 * @property {boolean} [requireDurable] refuse it where the browser keeps nothing and runs are in memory
 *
 * @typedef {object} Filter what runs must be like, all of it; attributes are `{city: "Bern", total: {gte: 10}}`
 * @property {string | string[]} [status]
 * @property {string | string[]} [workflow]
 * @property {string[]} [tags]
 * @property {Record<string, unknown>} [attributes]
 * @property {string} [idPrefix]
 * @property {object} [created]
 * @property {object} [updated]
 * @property {object} [finished]
 * @property {object} [deadline]
 * @property {string} [parent]
 * @property {string} [schedule]
 * @property {string} [failure]
 *
 * @typedef {import("./types.mjs").Run} Run
 * @typedef {import("./events.mjs").WeftEvent} WeftEvent
 */

/** @template [T=any] @typedef {{items: T[], cursor: string | null}} Page */

export class Verbs extends Operating {
  // -------------------------------------------------------------- runs

  /** Start a run. @param {string} workflow @param {unknown[]} [input] @param {StartOptions} [options] @returns {Promise<Run>} */
  start(workflow, input = [], options = {}) {
    const { onConflict, idempotencyKey = onConflict ? undefined : key(undefined) } = options; // the two exclude each other
    return this.call("start", { workflow, input, ...onWire({ ...options, idempotencyKey }) });
  }

  /**
   * Signal the run, or start it with this as its first signal. Which run: `id` or `idempotencyKey`.
   * @param {string} workflow @param {unknown[]} input @param {{name: string, payload?: unknown}} signal
   * @param {{id?: string, idempotencyKey?: string, signalId?: string}} options
   * @returns {Promise<{outcome: "started" | "signalled", run: Run}>}
   */
  startOrSignal(workflow, input, { name, payload = null }, { id, idempotencyKey, signalId }) {
    const which = idempotencyKey === undefined ? { id, signal_id: key(signalId) } : { id, idempotency_key: idempotencyKey, signal_id: signalId };
    return this.call("start_or_signal", { workflow, input, signal: name, payload, ...which });
  }

  /**
   * Calls with one key within the delay become one run, with the input of the last. Its run, which may be pending.
   * @param {string} workflow @param {unknown[]} input @param {{key: string, delay: Duration, maxDelay?: Duration}} options
   */
  startDebounced(workflow, input, { key, delay, maxDelay }) {
    return this.call("start_debounced", { workflow, input, key, delay, max_delay: maxDelay });
  }

  /**
   * Items with one key become one run, which is given the list of them. If the tab that leads crashes before it has answered, the
   * item may be added again: give items ids of their own if that matters.
   * @param {string} workflow @param {unknown} item @param {{key: string, maxItems?: number, maxDelay?: Duration}} options
   */
  startBatched(workflow, item, { key, maxItems, maxDelay }) {
    return this.call("start_batched", { workflow, item, key, max_items: maxItems, max_delay: maxDelay });
  }

  /** @param {string} id @param {string} name @param {unknown} [payload] @param {{signalId?: string}} [options] */
  signal(id, name, payload = null, { signalId } = {}) {
    return this.call("signal", { id, name, payload, signal_id: key(signalId) });
  }

  /**
   * Send a message and wait for the workflow's answer; `timeout: null` waits for ever. After the timeout getUpdate() still has the answer.
   * @param {string} id @param {string} name @param {unknown} [payload] @param {{updateId?: string, timeout?: Duration | null}} [options]
   */
  async update(id, name, payload = null, { updateId, timeout = 5 } = {}) {
    const deadlineMs = typeof timeout === "number" ? Math.max(this.deadlineMs, timeout * 1_000 + 5_000) : 0;
    return (await this.call("update", { id, name, payload, update_id: key(updateId), timeout }, deadlineMs)).value;
  }

  /** What became of an update: `{status, result, error}`. @param {string} id @param {string} updateId */
  getUpdate(id, updateId) {
    return this.call("get_update", { id, update_id: updateId });
  }

  /** The answer from committed state, also of a parked run. @param {string} id @param {string} name @param {...unknown} args */
  async query(id, name, ...args) {
    return (await this.call("query", { id, name, args })).value;
  }

  /** Ask the run to stop: it cleans up first. @param {string} id @param {string} [reason] */
  cancel(id, reason) {
    return this.call("cancel", { id, reason });
  }

  /** End the run where it stands; nothing of it runs any more. @param {string} id @param {string} [reason] */
  terminate(id, reason) {
    return this.call("terminate", { id, reason });
  }

  /** Let the run do nothing until it is resumed; what comes for it is kept. @param {string} id @param {string} [reason] */
  suspend(id, reason) {
    return this.call("suspend", { id, reason });
  }

  /** @param {string} id */
  resume(id) {
    return this.call("resume", { id });
  }

  // -------------------------------------------------------------- looking

  /** Runs, the newest first. @param {Filter & {limit?: number, cursor?: string}} [filter] @returns {Promise<Page<Run>>} */
  list(filter = {}) {
    return this.call("list", onWire(filter));
  }

  /** How many runs there are like that. @param {Filter} [filter] @returns {Promise<number>} */
  async count(filter = {}) {
    return (await this.call("count", onWire(filter))).count;
  }

  /**
   * How many runs there are in each group: by "status", "workflow", "failure" or a search attribute.
   * @param {string} by @param {Filter & {limit?: number}} [filter]
   * @returns {Promise<{total: number, groups: {key: unknown, count: number}[], truncated: boolean}>}
   */
  aggregate(by, filter = {}) {
    return this.call("aggregate", { by, ...onWire(filter) });
  }

  /** @param {string} id @returns {Promise<Run>} */
  describe(id) {
    return this.call("describe", { id });
  }

  /**
   * Events of a run with a sequence number above `after`.
   * @param {string} id @param {{after?: number, limit?: number}} [options] @returns {Promise<WeftEvent[]>}
   */
  history(id, { after = 0, limit } = {}) {
    return this.call("history", { id, after, limit });
  }

  /**
   * A page of the events of all runs, in the order in which they became durable, after a cursor, "oldest" or "now".
   * @param {{after?: string, limit?: number, types?: string[]}} [options] @returns {Promise<{events: WeftEvent[], cursor: string, more: boolean}>}
   */
  events({ after = "oldest", limit, types } = {}) {
    return this.call("events", { after, limit, types });
  }

  /**
   * A page of a stream of the run: values that it or its activities wrote. An item with `reset` voids what its step has written.
   * `wait` (at most a minute): if there is nothing new, wait for it so long.
   * @param {string} id @param {string} name @param {{after?: number, limit?: number, wait?: Duration}} [options]
   * @returns {Promise<{items: {seq: number, step: number, value?: any, reset?: true}[], cursor: number, ended: boolean}>}
   */
  readStream(id, name, { after = 0, limit, wait } = {}) {
    return this.call("stream_read", { id, name, after, limit, wait }, wait === undefined ? this.deadlineMs : 0);
  }

  /** The JSON likeness of a large result that was kept beside the checkpoint. @param {string} id @param {string} blob its key */
  async loadBlob(id, blob) {
    return (await this.call("load_blob", { id, key: blob })).value;
  }

  /**
   * Where the run's code stands, with its local variables, now or `at` a retained checkpoint.
   * @param {string} id @param {{at?: number}} [options] @returns {Promise<import("./types.mjs").FramesView>}
   */
  frames(id, { at } = {}) {
    return this.call("frames", { id, at });
  }

  // -------------------------------------------------------------- what runs are found by

  /** @param {string} id @returns {Promise<Record<string, unknown>>} */
  getAttributes(id) {
    return this.call("get_attributes", { id });
  }

  /** Set search attributes beside those the run has; null removes one. @param {string} id @param {Record<string, unknown>} attributes */
  setAttributes(id, attributes) {
    return this.call("set_attributes", { id, attributes });
  }

  /** @param {string} id @param {string[]} tags */
  addTags(id, tags) {
    return this.call("add_tags", { id, tags });
  }

  /** @param {string} id @param {string[]} tags */
  removeTags(id, tags) {
    return this.call("remove_tags", { id, tags });
  }

  // -------------------------------------------------------------- people, and work that is done elsewhere

  /**
   * What people are asked; the pending ones oldest first.
   * @param {{status?: string, runId?: string, type?: string, reviewer?: string, limit?: number, cursor?: string}} [filter]
   * @returns {Promise<Page<import("./types.mjs").Review>>}
   */
  reviews(filter = {}) {
    return this.call("reviews", onWire(filter));
  }

  /**
   * Decide a review, or sections of it. Sent again it changes nothing. Resolves with the review.
   * @param {string} reviewId
   * @param {{decision?: "approved" | "rejected" | "needs_changes", reviewer?: string, feedback?: string, sections?: object, decisionId?: string}} decided
   */
  submitReview(reviewId, decided) {
    return this.call("submit_review", { review_id: reviewId, ...onWire(decided) });
  }

  /** Give the result of an activity that said complete_later(). @param {string} token @param {unknown} [result] */
  completeAsyncActivity(token, result = null) {
    return this.call("complete_async_activity", { token, result });
  }

  /** @param {string} token @param {string | {type: string, message: string}} error */
  failAsyncActivity(token, error) {
    return this.call("fail_async_activity", { token, error });
  }

  /** @param {string} token @param {unknown} [details] */
  heartbeatAsyncActivity(token, details = null) {
    return this.call("heartbeat_async_activity", { token, details });
  }
}

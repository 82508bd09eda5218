/** The verbs of those who look after runs: putting right, many at once, schedules, queues, state; and what all verbs stand on. */
import { uniqueId } from "./rpc.mjs";

/** @typedef {import("./verbs.mjs").Duration} Duration @typedef {import("./verbs.mjs").Filter} Filter @typedef {import("./verbs.mjs").Page} Page */

export const key = (/** @type {string | undefined} */ given) => given ?? `page-${uniqueId()}`;

/** @param {object} options with camelCase names @returns {Record<string, unknown>} the same with snake_case names */
export function onWire(options) {
  const named = Object.entries(options).map(([name, value]) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]);
  return Object.fromEntries(named.filter(([, value]) => value !== undefined));
}

export class Operating {
  /** @type {(method: string, params: object, deadlineMs: number) => Promise<any>} */ #ask;

  /** @param {(method: string, params: object, deadlineMs: number) => Promise<any>} ask @param {number} deadlineMs of a call */
  constructor(ask, deadlineMs) {
    this.#ask = ask;
    this.deadlineMs = deadlineMs;
  }

  /** Any verb of the wire under its own name and parameters. @param {string} method @param {object} [params] @param {number} [deadlineMs] 0 waits for ever */
  call(method, params = {}, deadlineMs = this.deadlineMs) {
    return this.#ask(method, params, deadlineMs);
  }

  workflows() {
    return this.call("workflows");
  }

  /** With `examine: true` also what `weft doctor --verify` says of the store: every record is read. @param {{examine?: boolean}} [options] */
  diagnostics(options = {}) {
    return this.call("diagnostics", options);
  }

  /**
   * When the store was last exported (epoch ms; null: never), how much has changed since, and what it was restored from: for a reminder.
   * @returns {Promise<{store_id: string, exported_at: number | null, changes: number, restored: object | null}>}
   */
  backupStatus() {
    return this.call("backup_status");
  }

  /**
   * A hint that it may be time to look at timers and at what was left in the store; with `retry` also to make failed attempts again now.
   * Harmless at any time. @param {{retry?: boolean}} [options] @returns {Promise<{hurried: number}>}
   */
  wake({ retry = false } = {}) {
    return this.call("wake", { retry });
  }

  /** Remove a finished run with everything it has. @param {string} id @param {{force?: boolean}} [options] */
  purge(id, { force = false } = {}) {
    return this.call("purge", { id, force });
  }

  // -------------------------------------------------------------- putting right

  /** Checkpoints that the run retains, which fork and rewind go back to. @param {string} id @param {{limit?: number, cursor?: string}} [paging] */
  checkpoints(id, paging = {}) {
    return this.call("checkpoints", { id, ...paging });
  }

  /**
   * A new run that goes on from where this one stands, or stood `at` a retained checkpoint; `edit` gives its variables other values.
   * @param {string} id @param {{at?: number, newId?: string, edit?: object, idempotencyKey?: string}} [options]
   */
  fork(id, options = {}) {
    return this.call("fork", { id, ...onWire({ ...options, idempotencyKey: key(options.idempotencyKey) }) });
  }

  /** Put the run back to a retained checkpoint. @param {string} id @param {number} to @param {{reason?: string, by?: string}} [told] */
  rewind(id, to, told = {}) {
    return this.call("rewind", { id, to, ...told });
  }

  /** Give variables of a parked run other values. @param {string} id @param {object} changes @param {{reason?: string, by?: string}} [told] */
  edit(id, changes, told = {}) {
    return this.call("edit", { id, changes, ...told });
  }

  /**
   * Answer by hand what the run waits for. It may count twice if the leading tab dies in it: look at frames() before you repeat it.
   * @param {string} id @param {{value?: unknown, error?: string, task?: number, reason?: string, by?: string}} answer
   */
  skip(id, answer) {
    return this.call("skip", { id, ...answer });
  }

  /** Take a dead or held run up again from its checkpoint. @param {string} id */
  retry(id) {
    return this.call("retry", { id });
  }

  /** @param {{limit?: number, cursor?: string}} [paging] @returns {Promise<Page>} */
  deadLetters(paging = {}) {
    return this.call("dead_letters", paging);
  }

  // -------------------------------------------------------------- to another engine

  /**
   * Have the server at `url` own the run; durable when this resolves, and sent until the server has answered. The token is never stored.
   * @param {string} id @param {string} url @param {{token?: string}} [options]
   */
  handoff(id, url, { token } = {}) {
    return this.call("handoff", { id, url, token });
  }

  /**
   * Own the run here again. `force`: one that is on its way, without asking anybody; if the server has it, both make its steps from then on.
   * @param {string} id @param {{force?: boolean}} [options]
   */
  takeBack(id, { force = false } = {}) {
    return this.call("take_back", { id, force });
  }

  /** `trouble`: why there is no answer yet; `outbox`: signals and cancels that wait here for its owner. @param {string} id @returns {Promise<{state: string, status: string, url: string, moves: number, why: string, trouble: string, placed: string, outbox: number}>} */
  handoffState(id) {
    return this.call("handoff_state", { id });
  }

  /** The server to which runs go that belong there, instead of the one of `Weft.open`. @param {string} url @param {{token?: string}} [options] */
  useServer(url, { token } = {}) {
    return this.call("use_server", { url, token });
  }

  /** How the last question to it went; `status.server` follows it. @returns {Promise<import("./server.mjs").ServerFacts>} */
  serverState() {
    return this.call("server_state");
  }

  // -------------------------------------------------------------- many runs at once

  /**
   * Do something with all runs that match: first with `dryRun: true`, which says how many they are and gives a `confirmation_token`, then
   * with `confirm` instead.
   * @param {"cancel" | "terminate" | "resume" | "signal" | "tag" | "untag" | "delete"} verb
   * @param {Filter & {dryRun?: boolean, confirm?: string, all?: boolean, by?: string, reason?: string, signal?: string, payload?: unknown}} options
   */
  bulk(verb, options) {
    return this.call(`bulk_${verb}`, onWire(options));
  }

  /** What was done with many runs, and by whom. @param {{limit?: number, cursor?: string}} [paging] @returns {Promise<Page>} */
  audit(paging = {}) {
    return this.call("audit", paging);
  }

  // -------------------------------------------------------------- queues and state

  queues() {
    return this.call("queues");
  }

  /** @param {string} name */
  pauseQueue(name) {
    return this.call("pause_queue", { name });
  }

  /** @param {string} name */
  resumeQueue(name) {
    return this.call("resume_queue", { name });
  }

  /**
   * A value of a run (`id`), of a workflow (`workflow`), or of the store.
   * @param {string} name @param {{id?: string, workflow?: string}} [owner] @returns {Promise<{value: unknown, version: number, exists: boolean}>}
   */
  getState(name, owner = {}) {
    return this.call("state_get", { key: name, ...owner });
  }

  /**
   * Set it; with `version`, only if it is still that (0: if it was never set).
   * @param {string} name @param {unknown} value @param {{id?: string, workflow?: string, version?: number}} [options]
   * @returns {Promise<{set: boolean, version: number}>}
   */
  setState(name, value, options = {}) {
    return this.call("state_set", { key: name, value, ...options });
  }

  // -------------------------------------------------------------- schedules

  /**
   * Start runs by time; while no tab is open nothing starts, and what was missed is told. The same schedule again changes nothing.
   * @param {string} workflow @param {unknown[]} input
   * @param {{id?: string, cron?: string, every?: Duration, timezone?: string, overlap?: string, backfill?: boolean, paused?: boolean}} options
   */
  schedule(workflow, input, options) {
    return this.call("schedule_create", { workflow, input, ...onWire({ ...options, id: key(options.id) }) });
  }

  /** @param {{limit?: number, cursor?: string}} [paging] @returns {Promise<Page>} */
  listSchedules(paging = {}) {
    return this.call("schedules", paging);
  }

  /** @param {string} id */
  describeSchedule(id) {
    return this.call("schedule_describe", { id });
  }

  /** @param {string} id @param {string} [reason] */
  pauseSchedule(id, reason) {
    return this.call("schedule_pause", { id, reason });
  }

  /** @param {string} id */
  resumeSchedule(id) {
    return this.call("schedule_resume", { id });
  }

  /** @param {string} id @param {object} changes */
  updateSchedule(id, changes) {
    return this.call("schedule_update", { id, ...onWire(changes) });
  }

  /** Start a run now. The one call that may count twice, if the leading tab dies in it. @param {string} id */
  triggerSchedule(id) {
    return this.call("schedule_trigger", { id });
  }

  /** Start the runs of a time that has passed. @param {string} id @param {{start: number, end: number, overlap?: string}} span epoch seconds */
  backfillSchedule(id, span) {
    return this.call("schedule_backfill", { id, ...span });
  }

  /** @param {string} id */
  deleteSchedule(id) {
    return this.call("schedule_delete", { id });
  }
}

/**
 * Whether the worker that leads still answers its page, and what it does if not. Python ends most code that computes for too long by itself; what
 * it cannot end (one long call of a C library, code that catches everything) ends with the worker. Then the next engine must know which run that
 * was, or it would hang as well: it is told what is known, and if nothing is, to say from then on what it begins.
 */

/**
 * @typedef {import("./engine_host.mjs").Looping} Looping
 * @typedef {{seconds: number, runId: string, kind: string, name: string, where: string}} Unresponsive for so long; the rest as far as it is known, else ""
 */

/** Code may compute for so long, if the page does not say otherwise. */
export const LOOP_LIMIT_S = 30;
const LONGEST_TICK_S = 5;
/** So much longer than Python's own guard waits, at most. */
const GRACE_S = 10;

export class WorkerWatch {
  /**
   * @param {number} limitS how long code may compute; 0: nothing is ended
   * @param {{ping(): void, tell(seen: Unresponsive | null): void, hung(warning: import("./engine_host.mjs").Beware): void}} act
   */
  constructor(limitS, act) {
    this.act = act;
    this.everyS = limitS ? Math.max(0.5, Math.min(LONGEST_TICK_S, limitS / 4)) : LONGEST_TICK_S;
    this.patience = limitS ? Math.ceil((limitS + Math.min(limitS, GRACE_S)) / this.everyS) : Infinity;
    this.silent = 0; // ticks, counted here: no clocks are compared, and a page that sleeps counts nothing
    this.asked = false;
    /** @type {Looping | null} */ this.looping = null;
    /** @type {import("./engine_host.mjs").Entered | null} */ this.entered = null;
    /** @type {ReturnType<typeof setInterval> | undefined} */ this.timer = undefined;
  }

  /** The worker opens an engine, or has: runs that are due go on before it says that it is open. */
  begin() {
    this.stop();
    this.timer = setInterval(() => this.#tick(), this.everyS * 1_000);
  }

  stop() {
    clearInterval(this.timer);
    this.silent = 0;
    this.asked = false;
    this.looping = this.entered = null;
    this.act.tell(null);
  }

  /** @param {any} message of the worker's */
  heard(message) {
    if (message.t === "entering") return void (this.entered = message.entered);
    this.looping = message.t === "looping" ? message.looping : null;
    if (message.t === "pong") this.asked = false;
    // What computes now has done so for no longer than it says: whatever was at work before it has ended, though nobody had time to say so. And what
    // is being ended may be followed by the next at once.
    this.silent = this.looping?.ending === "not yet" ? Math.min(this.silent, Math.round(this.looping.seconds / this.everyS)) : 0;
    this.act.tell(this.looping && this.#seen(this.looping.seconds));
    if (this.looping?.ending === "in vain") this.act.hung(this.#warning());
  }

  #tick() {
    if (!this.asked) {
      this.asked = true;
      return this.act.ping();
    }
    this.silent += 1;
    const seen = this.#seen(this.silent * this.everyS);
    this.act.tell(seen);
    if (this.silent >= this.patience) this.act.hung(this.#warning());
  }

  /** @param {number} seconds @returns {Unresponsive} */
  #seen(seconds) {
    const { runId = "", kind = "", name = "" } = this.looping ?? this.entered ?? {};
    return { seconds: Math.max(seconds, this.looping?.seconds ?? 0), runId, kind, name, where: this.looping?.where ?? "" };
  }

  /** @returns {import("./engine_host.mjs").Beware} */
  #warning() {
    const { runId, kind, name, seconds, where } = this.#seen(this.silent * this.everyS);
    const facts = { what: `${kind} '${name}'`, seconds, where: where || "a call that cannot be interrupted" };
    return { at: Date.now(), tell: !runId, runs: runId ? { [runId]: facts } : {} };
  }
}

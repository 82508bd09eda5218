/**
 * How long one waits for the browser, in time in which this thread was awake. A machine that slept, or a process that had no processor for a
 * while, gave the browser no chance to answer: of such a pause little counts.
 */
const TICK_MS = 100;
const LONGEST_MS = 400;

export class Patience {
  #awake = 0;
  #seen = performance.now();
  /** @type {Set<{at: number, ring: () => void}>} */ #alarms = new Set();

  /** @param {number} ms */
  constructor(ms) {
    this.ms = ms;
    this.timer = setInterval(() => this.#tick(), TICK_MS);
  }

  get left() {
    return this.ms - this.#awake;
  }

  /** @param {number} ms @param {() => void} ring @returns {() => void} forget it */
  after(ms, ring) {
    const alarm = { at: this.#awake + ms, ring };
    this.#alarms.add(alarm);
    return () => void this.#alarms.delete(alarm);
  }

  end() {
    clearInterval(this.timer);
  }

  #tick() {
    const now = performance.now();
    this.#awake += Math.min(now - this.#seen, LONGEST_MS);
    this.#seen = now;
    for (const alarm of [...this.#alarms]) if (alarm.at <= this.#awake && this.#alarms.delete(alarm)) alarm.ring();
  }
}

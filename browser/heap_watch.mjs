/**
 * Watches the memory of Python, which only ever grows (pyodide #4620): what a worker has once taken it gives back when it ends. Past the limit
 * its tab is told, which drains it and starts another.
 */
const EVERY_MS = 2_000;

export class HeapWatch {
  /** @param {number} limit bytes @param {() => number} size bytes now @param {{changed(bytes: number): void, full(bytes: number): void}} tell */
  constructor(limit, size, tell) {
    this.limit = limit;
    this.size = size;
    this.tell = tell;
    this.seen = 0;
    /** @type {ReturnType<typeof setInterval> | undefined} */ this.timer = undefined;
  }

  /** What the engine has when it opens it needs: a store that is larger than the limit must not be recycled without end. @param {number} [needed] bytes */
  begin(needed = this.size()) {
    this.stop();
    this.limit = Math.max(this.limit, 2 * needed);
    this.timer = setInterval(() => this.#look(), EVERY_MS);
    this.#look();
  }

  stop() {
    clearInterval(this.timer);
  }

  #look() {
    const bytes = this.size();
    if (bytes !== this.seen) this.tell.changed(bytes);
    this.seen = bytes;
    if (bytes <= this.limit) return;
    this.stop();
    this.tell.full(bytes);
  }
}

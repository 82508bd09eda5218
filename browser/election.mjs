/** Who leads a store: the context that holds its Web Lock. The browser hands the lock on when its holder ends, however that ends. */

/** Its Web Lock. @param {string} name of the store */
export const lockOf = (name) => `weft:${name}`;

export class Election {
  /** @type {AbortController | null} while we stand in line */ #line = null;

  /** @param {string} name of the store */
  constructor(name) {
    this.lock = lockOf(name);
    this.alone = false; // there are no locks to be had, and no store that anybody else could open
    this.leading = false;
    this.resign = () => {};
  }

  /**
   * Stand in line. `lead` is called with the lock, which is held until `resign()`. Returns false when another has stolen it.
   * Rejects when `lead` failed: then the lock is given up.
   * @param {() => Promise<void>} lead
   */
  async stand(lead) {
    if (!navigator.locks) throw Object.assign(new Error("this browser has no Web Locks; use https or a newer browser"), { code: "WebLocksUnavailableError" });
    this.#line = new AbortController();
    /** @type {unknown} */ let failure = null;
    const hold = () => this.#hold(lead).catch((error) => void (failure = error));
    try {
      await this.#request(this.#line.signal, hold);
    } catch (error) {
      if (!isAbort(error)) throw error;
      return false;
    } finally {
      this.leading = false;
      this.resign(); // of one who was robbed, `lead` may still go on
    }
    if (failure) throw failure;
    return true;
  }

  /** Take the lock from its holder instead of waiting for it. The holder's writes are refused by the store, as soon as the new engine is open. */
  steal() {
    if (!this.leading) this.#line?.abort();
  }

  /** Wait for the lock, and take it when `signal` says that there is no point in waiting. @param {AbortSignal} signal @param {() => Promise<void>} hold */
  async #request(signal, hold) {
    if (this.alone) return hold();
    try {
      await navigator.locks.request(this.lock, { signal }, hold);
    } catch (error) {
      if (!signal.aborted) throw error;
      await navigator.locks.request(this.lock, { steal: true }, hold);
    }
  }

  /** @param {() => Promise<void>} lead */
  async #hold(lead) {
    this.leading = true;
    /** @type {Promise<void>} */ const resigned = new Promise((resolve) => (this.resign = resolve));
    await lead();
    await resigned;
  }
}

const isAbort = (/** @type {unknown} */ error) => error instanceof DOMException && error.name === "AbortError";

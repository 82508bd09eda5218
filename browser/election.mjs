/** Who leads a store: the context that holds its Web Lock. The browser hands the lock on when its holder ends, however that ends. */

export class Election {
  /** @param {string} name of the store */
  constructor(name) {
    this.lock = `weft:${name}`;
    this.leading = false;
    this.resign = () => {};
  }

  /**
   * Stand in line. `lead` is called with the lock, which is held until `resign()`, or until another steals it.
   * Rejects when the lock was stolen, or when `lead` failed: then it is given up.
   * @param {() => Promise<void>} lead
   */
  async stand(lead) {
    if (!navigator.locks) throw Object.assign(new Error("this browser has no Web Locks; use https or a newer browser"), { code: "WebLocksUnavailableError" });
    try {
      await navigator.locks.request(this.lock, () => this.#hold(lead));
    } finally {
      this.leading = false;
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

/** One port to the host of a store, and what becomes of it: the requests that are out on it, and the death of the host at its other end. */

/** The host was stopped: the request may or may not have been carried out. */
export class HostDied extends Error {
  constructor() {
    super("the service worker was stopped");
  }
}

export class StoreLine {
  /** @param {MessagePort} port @param {number} until when another one is to be used; replies still come through this one then */
  constructor(port, until) {
    this.port = port;
    this.until = until;
    this.dead = this.retired = false;
    this.watching = new AbortController();
    /** @type {Map<number, {resolve: (message: any) => void, reject: (error: Error) => void}>} */ this.waiting = new Map();
    port.onmessage = ({ data }) => (data.t === "host" ? this.#watch(data.lock) : this.waiting.get(data.id)?.resolve(data));
  }

  /** Send a request and wait for its reply. @param {{id: number}} message @param {number} timeout ms @returns {Promise<any>} */
  ask(message, timeout) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => this.#settled(message.id, () => reject(new Error(`no reply within ${timeout} ms`))), timeout);
      this.waiting.set(message.id, {
        resolve: (reply) => this.#settled(message.id, () => resolve(reply), late),
        reject: (error) => this.#settled(message.id, () => reject(error), late),
      });
      this.port.postMessage(message);
    });
  }

  /** @param {number} id @param {() => void} settle @param {ReturnType<typeof setTimeout>} [late] */
  #settled(id, settle, late) {
    clearTimeout(late);
    if (this.waiting.delete(id)) settle();
    if (this.retired && !this.waiting.size) this.close();
  }

  /** No more requests; closes when those that are out are settled. */
  retire() {
    this.retired = true;
    if (!this.waiting.size) this.close();
  }

  close() {
    this.dead = true;
    this.watching.abort();
    this.port.close();
  }

  /** A port tells nobody that its other end is gone. The host holds this lock while it lives. @param {string | null} lock */
  #watch(lock) {
    if (lock === null) return; // then a reply that does not come is all there is to see
    navigator.locks.request(lock, { mode: "shared", signal: this.watching.signal }, () => this.#died()).catch(() => {});
  }

  #died() {
    this.dead = true;
    this.port.close();
    for (const { reject } of [...this.waiting.values()]) reject(new HostDied());
  }
}

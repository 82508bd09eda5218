/**
 * Ids for the writes of a store without a client in front of it, so that one whose answer was lost can be sent again.
 *
 * The store remembers the last id of each client. Writes that are under way at once therefore have a client name each: a *slot*, used again
 * when its write has ended.
 */
export class BatchIds {
  constructor() {
    const bytes = crypto.getRandomValues(new Uint8Array(12));
    this.client = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
    this.seq = 0;
    this.slots = 0;
    /** @type {number[]} */ this.free = [];
  }

  /** @template T @param {(batch: import("./idb_store.mjs").BatchId) => Promise<T>} write @returns {Promise<T>} */
  async use(write) {
    const slot = this.free.pop() ?? this.slots++;
    try {
      return await write({ client: `${this.client}/${slot}`, seq: ++this.seq });
    } finally {
      this.free.push(slot);
    }
  }
}

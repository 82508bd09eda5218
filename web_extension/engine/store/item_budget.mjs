/**
 * How much a store may still write, known before the browser says no.
 *
 * What the area holds is asked once; after that an upper bound is kept (a value that is replaced counts twice), and only a write that would pass
 * the budget by that bound has it asked again. The last part of the budget is for what frees room: a full store can still be emptied.
 */
import { StoreError } from "../../weft/store_frames.mjs";

const RESERVE = 256 * 1024;

/**
 * @typedef {{puts: [name: string, size: number][], removes: string[], record: number}} Write sizes in bytes; `record` of the write-ahead record, which is
 *   there while the puts are made
 */

export class ItemBudget {
  /** @param {import("./extension_store.mjs").Area} area @param {number | null} limit bytes of the whole area; null: none */
  constructor(area, limit) {
    this.area = area;
    this.limit = area.getBytesInUse ? limit : null;
    this.reserve = Math.min(RESERVE, (limit ?? 0) / 16);
    this.used = Infinity; // at most
  }

  /** @param {string[] | null} names null: all @returns {Promise<number>} bytes */
  async measure(names = null) {
    return names?.length === 0 || !this.area.getBytesInUse ? 0 : this.area.getBytesInUse(names);
  }

  /** Rejects with a StorageQuotaError if there is no room for it; counts it otherwise. @param {Write} write */
  async take({ puts, removes, record }) {
    if (this.limit === null) return;
    const size = puts.reduce((sum, [, bytes]) => sum + bytes, 0);
    if (this.used + record + size <= this.limit - this.reserve) return void (this.used += size);
    const [used, replaced, freed] = await Promise.all([this.measure(), this.measure(puts.map(([name]) => name)), this.measure(removes)]);
    const peak = used + record + Math.max(0, size - replaced);
    const after = used + size - replaced - freed;
    if (peak > (after > used ? this.limit - this.reserve : this.limit)) throw this.#full(used, peak);
    this.used = after;
  }

  /** @param {number} used @param {number} peak */
  #full(used, peak) {
    const kept = `the last ${this.reserve} are kept for what frees room`;
    return new StoreError("StorageQuotaError", `${used} of ${this.limit} bytes are used, and the batch needs ${peak - used} with its write-ahead record; ${kept}`);
  }
}

/**
 * A store that is open in an area of browser.storage: its keys in memory, its values there, one item each.
 *
 * A batch of more than one change is first written as one item, the write-ahead record; from then on it is a fact. It is then carried out: one
 * `set` of what it puts, one `remove` of what it deletes and of the record. Whoever opens the store and finds a record carries it out again.
 */
import * as frames from "../../weft/store_frames.mjs";
import { fromBase64, fromBinary, toBase64, toBinary } from "./base64.mjs";
import { ItemBudget } from "./item_budget.mjs";
import { sizeOf } from "./item_names.mjs";
import { KeyIndex } from "./key_index.mjs";

const { OP, StoreError } = frames;
const WRITTEN_DOWN_MS = 24 * 3600 * 1000; // no client sends a batch again for that long
const FIRST_SLICE = 32;

/**
 * @typedef {{frame: string, client?: string, last?: string}} Record a request that is to be carried out, in base64; of a batch with an id
 *   also the client and what its item shall say: which its last batch was, and when
 * @typedef {Map<string, any>} Changes items by name; undefined: it is removed
 */

export class StoredItems {
  /** @param {import("./extension_store.mjs").Area} area @param {import("./item_names.mjs").ItemNames} names @param {KeyIndex} keys @param {ItemBudget} budget */
  constructor(area, names, keys, budget) {
    this.area = area;
    this.names = names;
    this.keys = keys;
    this.budget = budget;
    /** @type {Map<string, number>} the last batch of each client */ this.applied = new Map();
  }

  /** @param {import("./extension_store.mjs").Area} area @param {import("./item_names.mjs").ItemNames} names @param {number | null} quotaBytes */
  static async open(area, names, quotaBytes) {
    const found = await (area.getKeys ? area.getKeys() : area.get(null).then(Object.keys));
    const keys = new KeyIndex(found.filter((name) => names.isValue(name)).map((name) => names.keyOf(name)));
    const items = new StoredItems(area, names, keys, new ItemBudget(area, quotaBytes));
    await items.#recover(found.filter((name) => names.isClient(name)));
    items.budget.used = await items.budget.measure();
    return items;
  }

  /** @param {string[]} clients */
  async #recover(clients) {
    const { [this.names.record]: record, ...rest } = await this.area.get([...clients, this.names.record]);
    const old = [];
    for (const [name, last] of Object.entries(rest)) {
      if (Date.now() - Number(String(last).split(" ")[1]) < WRITTEN_DOWN_MS) this.#written(name, last);
      else old.push(name);
    }
    if (record !== undefined) await this.#carryOut(this.#found(record));
    if (old.length) await this.area.remove(old);
  }

  /** What the one before us had decided. @param {Record} record @returns {Changes} */
  #found(record) {
    try {
      return this.#changesOf(record);
    } catch (error) {
      throw new StoreError("StorageCorruptError", `its write-ahead record cannot be read: ${error}`);
    }
  }

  /** @param {ArrayBuffer} key */
  has(key) {
    return this.keys.has(toBinary(new Uint8Array(key)));
  }

  /** @param {ArrayBuffer} key @returns {Promise<ArrayBuffer | null>} */
  async get(key) {
    if (!this.has(key)) return null;
    const name = this.names.value(key);
    const { [name]: value } = await this.area.get(name);
    return value === undefined ? null : bytesOf(value);
  }

  /** In slices, so that a page of large values ends at `maxBytes` and is never in memory whole. @param {frames.ScanRequest} request @returns {Promise<Uint8Array>} */
  async scan({ prefix, after, before, limit, reverse, maxBytes }) {
    const bound = (/** @type {ArrayBuffer | null} */ key) => key && toBinary(new Uint8Array(key));
    let rest = this.keys.range(toBinary(new Uint8Array(prefix)), bound(after), bound(before));
    rest = reverse ? rest.reverse().slice(0, limit) : rest.slice(0, limit);
    /** @type {ArrayBuffer[]} */ const keys = [];
    /** @type {ArrayBuffer[]} */ const values = [];
    let bytes = 0;
    for (let slice = maxBytes === Infinity ? limit : FIRST_SLICE; rest.length && bytes < maxBytes; slice *= 8) {
      for (const [key, value] of await this.#rows(rest.slice(0, slice))) {
        keys.push(key);
        values.push(value);
        bytes += value.byteLength;
      }
      rest = rest.slice(slice);
    }
    return frames.rowsReply(keys, values, rest.length > 0);
  }

  /** @param {string[]} keys as in the index @returns {Promise<[ArrayBuffer, ArrayBuffer][]>} */
  async #rows(keys) {
    const asked = keys.map((key) => fromBinary(key).buffer);
    const found = await this.area.get(asked.map((key) => this.names.value(key)));
    return asked.flatMap((key) => {
      const value = found[this.names.value(key)];
      return value === undefined ? [] : [/** @type {[ArrayBuffer, ArrayBuffer]} */ ([key, bytesOf(value)])];
    });
  }

  /** Whether the conditions held; then it is done. @param {Uint8Array} frame @param {import("./extension_store.mjs").BatchId} [batch] @returns {Promise<boolean>} */
  async apply(frame, batch) {
    const { conditions, ops, opsAt } = frames.readApply(frame);
    if (batch && (this.applied.get(batch.client) ?? 0) >= batch.seq) return true;
    if (!(await this.#hold(conditions))) return false;
    const id = batch && { client: batch.client, last: `${batch.seq} ${Date.now()}` };
    if (ops.length) await this.#write({ frame: toBase64(unconditional(frame, opsAt)), ...id });
    return true;
  }

  /** @param {Uint8Array} frame @returns {Promise<number>} how many */
  async deletePrefix(frame) {
    const before = this.keys.keys.length;
    await this.#write({ frame: toBase64(frame) });
    return before - this.keys.keys.length;
  }

  /** @returns {Promise<{usage: number, quota: number}>} bytes of the whole area; no quota: 0 */
  async room() {
    return { usage: await this.budget.measure(), quota: this.budget.limit ?? 0 };
  }

  /** @param {frames.Entry[]} conditions */
  async #hold(conditions) {
    const known = conditions.every(({ key, value }) => this.has(key) === (value !== null));
    if (!known) return false;
    const present = conditions.filter(({ value }) => value !== null);
    if (!present.length) return true;
    const found = await this.area.get(present.map(({ key }) => this.names.value(key)));
    return present.every(({ key, value }) => found[this.names.value(key)] === toBase64(new Uint8Array(/** @type {ArrayBuffer} */ (value))));
  }

  /** What is to be done for a request; again and again it comes to the same. @param {Record} record @returns {Changes} */
  #changesOf({ frame, client, last }) {
    const request = fromBase64(frame);
    /** @type {Changes} */ const changes = new Map();
    if (frames.opOf(request) === OP.deletePrefix) {
      const keys = this.keys.range(toBinary(new Uint8Array(frames.readKey(request))));
      for (const key of keys) changes.set(this.names.value(fromBinary(key)), undefined);
      return changes;
    }
    for (const { key, value } of frames.readApply(request).ops) {
      if (value !== null) changes.set(this.names.value(key), toBase64(new Uint8Array(value)));
      else if (this.has(key)) changes.set(this.names.value(key), undefined);
      else changes.delete(this.names.value(key));
    }
    if (client !== undefined) changes.set(this.names.client(client), last);
    return changes;
  }

  /** @param {Record} record */
  async #write(record) {
    const changes = this.#changesOf(record);
    if (!changes.size) return;
    const alone = changes.size === 1; // one item is written or not
    const puts = [...changes].flatMap(([name, value]) => (value === undefined ? [] : [/** @type {[string, number]} */ ([name, sizeOf(name, value)])]));
    const removes = [...changes.keys()].filter((name) => changes.get(name) === undefined);
    await this.budget.take({ puts, removes, record: alone ? 0 : sizeOf(this.names.record, record) });
    if (!alone) await this.area.set({ [this.names.record]: record }).catch((error) => this.#undecided(error));
    await this.#carryOut(changes, alone).catch((error) => (alone ? this.#undecided(error) : this.#takeBack(error)));
  }

  /** @param {Changes} changes @param {boolean} [alone] there is no record */
  async #carryOut(changes, alone = false) {
    const entries = [...changes];
    const puts = entries.filter(([, value]) => value !== undefined);
    const removes = entries.filter(([, value]) => value === undefined).map(([name]) => name);
    if (puts.length) await this.area.set(Object.fromEntries(puts));
    if (!alone) removes.push(this.names.record);
    if (removes.length) await this.area.remove(removes);
    for (const [name, value] of entries) this.#written(name, value);
  }

  /** @param {string} name @param {any} value */
  #written(name, value) {
    if (this.names.isClient(name)) this.applied.set(name.slice(this.names.clients.length), Number.parseInt(value, 10));
    else if (value === undefined) this.keys.delete(this.names.keyOf(name));
    else this.keys.add(this.names.keyOf(name));
  }

  /** A `set` that finds no room has written nothing; after any other failure nobody knows. @param {unknown} error @returns {never} */
  #undecided(error) {
    throw isFull(error) || error instanceof StoreError ? error : new StoreError("CommitUnknownError", String(error));
  }

  /** Others of this extension have taken the room meanwhile: of the batch only its record is written. @param {unknown} error */
  async #takeBack(error) {
    if (isFull(error)) await this.area.remove(this.names.record).catch((again) => this.#undecided(again));
    this.#undecided(error);
  }
}

/** An apply request that has no conditions. @param {Uint8Array} frame @param {number} opsAt */
function unconditional(frame, opsAt) {
  const rest = new Uint8Array(5 + frame.length - opsAt);
  rest[0] = OP.apply;
  rest.set(frame.subarray(opsAt), 5);
  return rest;
}

/** Of a damaged item what there is: the record's own checksum tells that it is damaged, and of which run it is. @param {unknown} value @returns {ArrayBuffer} */
function bytesOf(value) {
  try {
    return fromBase64(/** @type {string} */ (value)).buffer;
  } catch {
    return /** @type {ArrayBuffer} */ (new TextEncoder().encode(String(value)).buffer);
  }
}

/** Whether the browser says that there is no room: it has words for its quota and for the disk. @param {unknown} error */
export function isFull(error) {
  const text = error instanceof Error ? `${error.name} ${error.message}` : String(error);
  return /quota|no.?space|disk.?full/i.test(text) && !(error instanceof StoreError && error.code !== "StorageQuotaError");
}

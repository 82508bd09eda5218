/**
 * Watches the store of an engine from beside: what it really promises, how full it is, whether it is the one that was here before. Starts that
 * it could not keep are refused before anything is written; runs that have begun go on.
 */
import { OP, opOf } from "../service_worker/store_frames.mjs";

/**
 * @typedef {"ok" | "warn" | "full"} QuotaLevel warn: 80 % is used; full: 95 %, or the last write found no room
 * @typedef {{usage: number, quota: number, level: QuotaLevel}} QuotaFacts bytes
 * @typedef {{what: "replaced" | "rolled-back", storeId: string, seenAt: number}} Eviction the store that is gone (wholly, or its last commits)
 * @typedef {{durability: "strict" | "relaxed" | "memory", quota: QuotaFacts | null, evicted: Eviction | null}} StoreFacts
 * @typedef {{usage?: number, quota?: number}} Room
 * @typedef {{code: string, message: string, facts: Record<string, unknown>}} Refusal
 */

const WARN = 0.8;
const FULL = 0.95;
const LOOK_AFTER_MS = 2_000; // a write
const STARTS = new Set(["start", "start_or_signal", "start_debounced", "start_batched", "schedule_trigger", "schedule_backfill", "fork"]);
const QUOTA_ERROR = new TextEncoder().encode("StorageQuotaError");

export class StoreWatch {
  #refused = false; // the last write that failed found no room, and none has succeeded since
  /** @type {ReturnType<typeof setTimeout> | null} */ #later = null;

  /**
   * @param {"strict" | "relaxed"} durability @param {() => void} changed @param {() => void} wrote a while ago, and perhaps more since
   * @param {string} store its kind, for people @param {(() => Promise<Room | null>) | null} room of a store that tells it; null: the browser estimates it
   */
  constructor(durability, changed, wrote, store, room) {
    this.store = store;
    this.room = room;
    this.changed = changed;
    this.wrote = wrote;
    /** @type {StoreFacts} */ this.facts = { durability, quota: null, evicted: null };
  }

  /** @param {Partial<StoreFacts>} change */
  set(change) {
    const before = JSON.stringify(this.facts);
    this.facts = { ...this.facts, ...change };
    if (JSON.stringify(this.facts) !== before) this.changed();
  }

  /** A reply of the store passes by. @param {Uint8Array} frame @param {Uint8Array} reply */
  saw(frame, reply) {
    if (reply[0] === 1) {
      if (QUOTA_ERROR.every((byte, i) => reply[5 + i] === byte)) this.#found(true);
    } else if (opOf(frame) === OP.apply) {
      if (this.#refused) this.#found(false);
      this.#later ??= setTimeout(() => this.#look(), LOOK_AFTER_MS);
    }
  }

  /** Ask the browser how full it is. The browser's figure is an estimate; what a write was told counts for more. */
  async measure() {
    const { usage = 0, quota = 0 } = (await (this.room ?? estimated)()) ?? {};
    if (!quota && !this.#refused) return;
    const share = quota ? usage / quota : 0;
    const level = this.#refused || share >= FULL ? "full" : share >= WARN ? "warn" : "ok";
    this.set({ quota: { usage, quota, level } });
  }

  /**
   * Why a call is not even passed on, or null. Answers at once unless the store was full: then it is measured again first.
   * @param {import("./rpc.mjs").CallMessage} message @returns {Refusal | null | Promise<Refusal | null>}
   */
  refusal(message) {
    if (!STARTS.has(message.method)) return null;
    if (this.facts.durability === "memory" && JSON.parse(message.params).require_durable) return notDurable();
    if (this.facts.quota?.level !== "full") return null;
    return this.measure().then(() => (this.facts.quota?.level === "full" ? full(this.store, this.facts.quota) : null));
  }

  #look() {
    this.#later = null;
    void this.measure();
    this.wrote();
  }

  /** @param {boolean} refused */
  #found(refused) {
    if (this.#refused === refused) return;
    this.#refused = refused;
    void this.measure();
  }
}

/** @returns {Promise<Room | null>} */
const estimated = async () => (await navigator.storage?.estimate?.().catch(() => null)) ?? null; // absent in WebKitGTK and on plain http

/** @param {string} store @param {QuotaFacts} quota @returns {Refusal} */
const full = (store, { usage, quota }) => ({
  code: "StorageQuotaError",
  message: `the ${store} store is full (${usage} of ${quota} bytes): nothing new is started, and nothing was written; free space, runs that have begun go on`,
  facts: { store, reason: "full", usage, quota },
});

/** @returns {Refusal} */
export const notDurable = () => ({
  code: "StorageCapabilityError",
  message: "the browser lets this page keep nothing, so runs are in memory and end with the tab: a start with requireDurable is refused; "
    + "allow site data, or open the page in an ordinary window",
  facts: { store: "memory", capability: "durability" },
});

/** What a tab says of itself, and who is told when it changes. */

/**
 * @typedef {object} Status
 * @property {"loading" | "ready" | "follower" | "degraded" | "closed"} state
 * @property {"leader" | "follower" | null} role
 * @property {"cold" | "warm"} standby warm: Python is loaded here, so that this tab can take over at once
 * @property {number} progress of loading, 0 to 1
 * @property {string} stage what is being loaded or done, for people
 * @property {"strict" | "relaxed" | "memory"} durability what is really used; memory: the browser keeps nothing, and runs end with the tab
 * @property {"direct" | "service-worker" | "extension"} storage
 * @property {boolean | null} persisted whether the browser promised not to evict the store; null while unknown
 * @property {import("./store_watch.mjs").QuotaFacts | null} quota bytes, and whether that is much
 * @property {import("./store_watch.mjs").Eviction | null} evicted a store that was here before, until dismissEviction()
 * @property {import("./server.mjs").ServerFacts | null} server of this device, as the last question to it went; null before any
 * @property {import("./update.mjs").UpdateStatus | null} update another build of the site that is there
 * @property {{bytes: number, limit: number} | null} heap of Python in this tab's leading worker
 * @property {import("./worker_watch.mjs").Unresponsive | null} unresponsive this tab's leading worker does not answer now, because code computes without a pause
 * @property {number} recycled how often that worker was replaced, because its heap had passed the limit
 * @property {import("./interpreter.mjs").Boot | null} boot how Python was started here; null until it was
 * @property {"none" | "kept" | "off" | import("./snapshots.mjs").SnapshotNote} snapshot what this browser keeps for the next start, or why nothing
 * @property {{code: string, message: string, facts?: Record<string, unknown>} | null} error
 */

/**
 * What a client says that has no engine of its own (connection.mjs); the facts are the leader's.
 * @typedef {object} GuestStatus
 * @property {"waiting" | "ready" | "closed"} state waiting: nobody leads, and calls wait
 * @property {"guest" | null} role
 * @property {string} stage for people
 * @property {Status["durability"] | null} durability null while no engine has said it
 * @property {boolean | null} persisted
 * @property {Status["quota"]} quota
 * @property {Status["evicted"]} evicted
 * @property {Status["server"]} server
 * @property {Status["error"]} error why none can ever be heard
 */

/** @template {{state: string}} S */
class Board {
  /** @param {S} status at first */
  constructor(status) {
    /** @type {Set<(status: S) => void>} */ this.watchers = new Set();
    this.status = status;
  }

  /** What is closed stays closed. @param {Partial<S>} change */
  set(change) {
    if (this.status.state === "closed") return;
    const next = { ...this.status, ...change };
    if (JSON.stringify(next) === JSON.stringify(this.status)) return;
    this.status = next;
    for (const watcher of this.watchers) watcher(this.status);
  }

  /** @param {(status: S) => void} callback called now and on each change */
  watch(callback) {
    this.watchers.add(callback);
    callback(this.status);
    return () => void this.watchers.delete(callback);
  }
}

/** @extends {Board<Status>} */
export class StatusBoard extends Board {
  /** @param {import("./client.mjs").OpenOptions} options */
  constructor({ durability = "strict", storage = "direct", snapshot = "auto" }) {
    super({
      state: "loading", role: null, standby: "cold", progress: 0, stage: "starting", durability: storage === "extension" ? "relaxed" : durability, storage,
      persisted: null, quota: null, evicted: null, server: null, update: null, heap: null, unresponsive: null, recycled: 0, boot: null, snapshot: snapshot === "off" ? "off" : "none", error: null,
    });
  }
}

/** @extends {Board<GuestStatus>} */
export class GuestBoard extends Board {
  constructor() {
    super({ state: "waiting", role: null, stage: "looking for an engine", durability: null, persisted: null, quota: null, evicted: null, server: null, error: null });
  }
}

/** The life of a tab's own engine worker: started, stopped, and started again a few times when it dies. */
import { servedScope } from "./broker.mjs";
import { uniqueId } from "./rpc.mjs";
import { addressOf } from "./server.mjs";

/** A worker that dies is started again after these pauses; then the tab stays degraded. */
const RESTART_PAUSES_MS = [100, 1_000, 5_000];

/** @typedef {{code: string, message: string, facts?: Record<string, unknown>}} Failure */

/** Where the build is. @param {string} [given] relative to the page */
export const baseOf = (given) => new URL(given ?? "./", given ? document.baseURI : import.meta.url).href;

/** What an engine needs to know, whoever hosts it: with absolute URLs. @param {import("./client.mjs").OpenOptions} options */
export function engineOptions({ name = "default", base, workflows = [], activities = [], durability = "strict", server, loopLimit }) {
  const absolute = (/** @type {string} */ path) => new URL(path, document.baseURI).href;
  return {
    name, durability, base: baseOf(base), server: addressOf(server), loopLimit,
    workflows: workflows.map(absolute), activities: activities.map(absolute),
  };
}

export class OwnWorker {
  /**
   * @param {import("./client.mjs").OpenOptions} options @param {(message: any) => void} heard what it says
   * @param {(failure: Failure) => void} failed it could not be loaded, or broke
   */
  constructor(options, heard, failed) {
    this.options = options;
    this.heard = heard;
    this.failed = failed;
    /** @type {string | null} */ this.id = null;
    /** @type {Worker | null} */ this.worker = null;
    this.restarts = 0;
    this.drained = () => {};
    /** @type {import("./engine_host.mjs").Beware | null} what the next one must know of the one before */ this.beware = null;
  }

  start() {
    const { storage = "direct", requireDurable, snapshot, heapLimitMB = 512 } = this.options;
    const engine = engineOptions(this.options);
    this.id = uniqueId();
    const worker = new Worker(new URL("worker.mjs", engine.base), { type: "module", name: `weft:${engine.name}` });
    this.worker = worker;
    worker.onmessage = ({ data }) => this.worker === worker && this.heard(data);
    worker.onerror = (event) => {
      event.preventDefault();
      if (this.worker === worker) this.failed({ code: "WorkerError", message: event.message || `${engine.base}worker.mjs cannot be loaded` });
    };
    worker.postMessage({
      t: "init", id: this.id, ...engine, storage, requireDurable, snapshot: snapshot !== "off", heapLimitMB, scope: servedScope(), beware: this.beware,
    });
    this.beware = null;
  }

  /** Ends at once: the browser releases its Web Lock, and a half-done transaction ends whole or not at all. */
  stop() {
    clearTimeout(this.waiting);
    this.worker?.terminate();
    this.worker = null;
    this.id = null;
  }

  /** @param {object} message */
  post(message) {
    this.worker?.postMessage(message);
  }

  /** Let its engine end what is in flight, and close. @param {number} seconds how long that may take @returns {Promise<void>} */
  drain(seconds) {
    return new Promise((resolve) => {
      this.drained = resolve;
      setTimeout(resolve, seconds * 1_000 + 5_000); // it does not answer any more
      this.post({ t: "drain", seconds });
    });
  }

  /**
   * Start it again after a pause; false if there is no point in that.
   * @param {Failure} failure @param {number} patience times the usual pause @param {() => void} started
   */
  restart(failure, patience, started) {
    const pause = RESTART_PAUSES_MS[this.restarts++];
    const offline = String(failure.facts?.reason).startsWith("cannot be loaded"); // it may come back
    if (pause === undefined || failure.code === "WorkflowImportError" || failure.code === "StorageCapabilityError" || (failure.code === "AssetError" && !offline)) return false;
    this.waiting = setTimeout(() => {
      this.start();
      started();
    }, pause * patience);
    return true;
  }
}

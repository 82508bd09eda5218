/**
 * A store that lives in the Service Worker, used like IdbStore.
 *
 * The browser may stop the Service Worker at any time, also between a commit and its reply; a port then goes silent. So every request has a
 * deadline and is sent again over a new port, and every write has a batch id under which the store applies it once. Writes go one at a time:
 * then the last batch id of a client is all the store has to remember.
 */
import { OP, errorReply, opOf } from "./store_frames.mjs";

export const STORE_PROTOCOL = 1;
/** A port is used for this long; the message that brings a new one is what keeps the Service Worker alive. */
const PORT_LIFE_MS = 10_000;
const TRY_TIMEOUTS_MS = [2_000, 4_000, 8_000];

/**
 * @typedef {{durability: "strict" | "relaxed", client: string, needPort: (id: number) => void, timeouts?: number[]}} ClientOptions
 *   `needPort(id)` asks the page for a port, which arrives in `connected({id, port})`
 */

export class StoreClient {
  /** @param {string} name @param {ClientOptions} options */
  constructor(name, { durability, client, needPort, timeouts = TRY_TIMEOUTS_MS }) {
    this.name = name;
    this.durability = durability;
    this.client = client;
    this.needPort = needPort;
    this.timeouts = timeouts;
    this.lastId = 0;
    this.lastBatch = 0;
    /** @type {Promise<unknown>} the end of the last write */ this.writing = Promise.resolve();
    /** @type {{port: MessagePort, until: number} | null} */ this.line = null;
    /** @type {Map<number, (message: any) => void>} replies and ports waited for */ this.waiting = new Map();
    /** @type {Promise<MessagePort> | null} */ this.connecting = null;
  }

  /** Answer one request frame. Never rejects: failures are error replies. @param {Uint8Array} frame @returns {Promise<Uint8Array>} */
  call(frame) {
    if (opOf(frame) !== OP.apply && opOf(frame) !== OP.deletePrefix) return this.#send(frame, undefined);
    const batch = opOf(frame) === OP.apply ? { client: this.client, seq: ++this.lastBatch } : undefined;
    const written = this.writing.then(() => this.#send(frame, batch));
    this.writing = written;
    return written;
  }

  /** The page's answer to `needPort`. @param {{id: number, port?: MessagePort, error?: string}} message */
  connected(message) {
    this.waiting.get(message.id)?.(message);
  }

  close() {
    this.line?.port.close();
    this.line = null;
  }

  /** @param {Uint8Array} frame @param {import("./idb_store.mjs").BatchId} [batch] @returns {Promise<Uint8Array>} */
  async #send(frame, batch) {
    let reason = "";
    for (const timeout of this.timeouts) {
      try {
        const port = await this.#port(timeout);
        const id = ++this.lastId;
        const reply = this.#answer(id, timeout);
        port.postMessage({ v: STORE_PROTOCOL, id, name: this.name, durability: this.durability, batch, frame });
        const message = await reply;
        if (message.frame) return message.frame;
        reason = message.error;
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
        this.close();
      }
    }
    return errorReply(batch ? "CommitUnknownError" : "StorageUnavailableError", `the service worker did not answer: ${reason}`);
  }

  /** @param {number} timeout @returns {Promise<MessagePort>} */
  async #port(timeout) {
    if (this.line && Date.now() < this.line.until) return this.line.port;
    this.connecting ??= this.#connect(timeout).finally(() => (this.connecting = null));
    return this.connecting;
  }

  /** @param {number} timeout */
  async #connect(timeout) {
    const id = ++this.lastId;
    const answer = this.#answer(id, timeout);
    this.needPort(id);
    const { port, error } = await answer;
    if (!port) throw new Error(error);
    // The old port stays open: replies to requests that are under way still come through it.
    port.onmessage = (/** @type {MessageEvent} */ { data }) => this.waiting.get(data.id)?.(data);
    this.line = { port, until: Date.now() + PORT_LIFE_MS };
    return port;
  }

  /** @param {number} id @param {number} timeout @returns {Promise<any>} */
  #answer(id, timeout) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => this.waiting.delete(id) && reject(new Error(`no reply within ${timeout} ms`)), timeout);
      this.waiting.set(id, (message) => {
        clearTimeout(late);
        this.waiting.delete(id);
        resolve(message);
      });
    });
  }
}

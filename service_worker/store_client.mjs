/**
 * A store that lives in the Service Worker (or the background of an extension), used like IdbStore.
 *
 * The browser may stop the Service Worker at any time, also between a commit and its reply; a port then goes silent. So every request has a
 * deadline and is sent again over a new port, and every write has a batch id under which the store applies it once. Writes go one at a time:
 * then the last batch id of a client is all the store has to remember.
 */
import { OLDEST, PROTOCOL } from "../browser/protocol.mjs";
import { OP, errorReply, opOf, roomOf } from "./store_frames.mjs";
import { HostDied, StoreLine } from "./store_line.mjs";

/** A port is used for this long; the message that brings a new one is what keeps the Service Worker alive. */
const PORT_LIFE_MS = 10_000;
const TRY_TIMEOUTS_MS = [2_000, 4_000, 8_000];
/** A death that was seen costs no try, but whoever kills without end shall not make this go on without end. */
const DEATHS = 20;

/**
 * @typedef {{durability: "strict" | "relaxed", client: string, needPort: (id: number) => void, timeouts?: number[], host?: string}} ClientOptions
 *   `needPort(id)` asks the page for a port, which arrives in `connected({id, port})`; `host`: what it is called
 */

export class StoreClient {
  /** @param {string} name @param {ClientOptions} options */
  constructor(name, { durability, client, needPort, timeouts = TRY_TIMEOUTS_MS, host = "the service worker" }) {
    this.name = name;
    this.durability = durability;
    this.client = client;
    this.needPort = needPort;
    this.timeouts = timeouts;
    this.host = host;
    this.lastId = 0;
    this.lastBatch = 0;
    /** @type {Promise<unknown>} the end of the last write */ this.writing = Promise.resolve();
    /** what the Service Worker understands: it may be of an older build */ this.protocol = PROTOCOL;
    /** @type {StoreLine | null} */ this.line = null;
    /** @type {Map<number, (message: any) => void>} ports waited for */ this.waiting = new Map();
    /** @type {Promise<StoreLine> | null} */ this.connecting = null;
  }

  /** Answer one request frame. Never rejects: failures are error replies. @param {Uint8Array} frame @returns {Promise<Uint8Array>} */
  call(frame) {
    if (opOf(frame) !== OP.apply && opOf(frame) !== OP.deletePrefix) return this.#send(frame, undefined);
    const batch = opOf(frame) === OP.apply ? { client: this.client, seq: ++this.lastBatch } : undefined;
    const written = this.writing.then(() => this.#send(frame, batch));
    this.writing = written;
    return written;
  }

  /** Of a store that tells how full it is. */
  async room() {
    return roomOf(await this.call(Uint8Array.of(OP.room)));
  }

  /** The page's answer to `needPort`. @param {{id: number, port?: MessagePort, error?: string}} message */
  connected(message) {
    this.waiting.get(message.id)?.(message);
  }

  close() {
    this.line?.close();
    this.line = null;
  }

  /** @param {Uint8Array} frame @param {import("./idb_store.mjs").BatchId} [batch] @returns {Promise<Uint8Array>} */
  async #send(frame, batch) {
    let reason = "";
    for (let tries = 0, deaths = 0; tries < this.timeouts.length && deaths < DEATHS; ) {
      /** @type {StoreLine | null} */ let line = null;
      try {
        line = await this.#open(this.timeouts[tries]);
        const message = { v: this.protocol, id: ++this.lastId, name: this.name, durability: this.durability, batch, frame };
        const reply = await line.ask(message, this.timeouts[tries]);
        if (reply.frame) return reply.frame;
        reason = reply.error;
        if (!this.#fallsBack(reply)) tries += 1;
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
        if (error instanceof HostDied) deaths += 1;
        else tries += 1;
        // Only its own line is given up: another request may have a new one by now, and waits for its reply there.
        line?.retire();
        if (this.line === line) this.line = null;
      }
    }
    return errorReply(batch ? "CommitUnknownError" : "StorageUnavailableError", `${this.host} did not answer: ${reason}`);
  }

  /** A Service Worker of the build before says which protocol it speaks; true when it is to be asked again in that. @param {{error: string}} reply */
  #fallsBack({ error }) {
    const spoken = Number(/speaks (?:store )?protocol (\d+)/.exec(error)?.[1]);
    if (!(spoken >= OLDEST && spoken < this.protocol)) return false;
    this.protocol = spoken;
    return true;
  }

  /** @param {number} timeout @returns {Promise<StoreLine>} */
  async #open(timeout) {
    if (this.line && !this.line.dead && Date.now() < this.line.until) return this.line;
    this.connecting ??= this.#connect(timeout).finally(() => (this.connecting = null));
    return this.connecting;
  }

  /** @param {number} timeout */
  async #connect(timeout) {
    const id = ++this.lastId;
    const answer = this.#arrival(id, timeout);
    this.needPort(id);
    const { port, error } = await answer;
    if (!port) throw new Error(error);
    this.line?.retire(); // replies to requests that are under way still come through it
    return (this.line = new StoreLine(port, Date.now() + PORT_LIFE_MS));
  }

  /** @param {number} id @param {number} timeout @returns {Promise<{port?: MessagePort, error?: string}>} */
  #arrival(id, timeout) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => this.waiting.delete(id) && reject(new Error(`no port within ${timeout} ms`)), timeout);
      this.waiting.set(id, (message) => {
        clearTimeout(late);
        this.waiting.delete(id);
        resolve(message);
      });
    });
  }
}

/**
 * One engine with its Python and its store, in whatever kind of worker it is hosted. It prepares the interpreter, opens the engine, answers
 * calls, publishes events, and opens again after store trouble. It knows neither who leads nor who listens: its host tells it and is told.
 */
import { IdbStore, durabilityHere } from "../service_worker/idb_store.mjs";
import { makeLeft } from "../service_worker/left_calls.mjs";
import { StoreClient } from "../service_worker/store_client.mjs";
import { guard } from "./guard.mjs";
import { loadInterpreter } from "./interpreter.mjs";
import { OLDEST } from "./protocol.mjs";
import { Responder, replyTo } from "./rpc.mjs";
import { StoreWatch } from "./store_watch.mjs";
import { note, witnessOf, witnessed } from "./witness.mjs";
import { LOOP_LIMIT_S } from "./worker_watch.mjs";

/**
 * @typedef {object} HostOptions
 * @property {string} id of this host, unique
 * @property {string} name of the store
 * @property {string} base URL of the build
 * @property {string | null} cache see Assets
 * @property {"direct" | "service-worker" | "extension"} storage
 * @property {"strict" | "relaxed"} durability
 * @property {boolean} snapshot whether Python may start from one
 * @property {boolean} [requireDurable] open no engine where the browser keeps nothing
 * @property {string} [server] the address of the device's server
 * @property {string[]} workflows URLs
 * @property {string[]} activities URLs
 * @property {number} [loopLimit] seconds that code of theirs may compute without a pause; 0: as long as it likes
 * @property {import("./runtime.mjs").Modules} [modules] see Runtime
 *
 * @typedef {object} HostListener
 * @property {(text: string) => void} event an event of a run, as JSON, when it is durable
 * @property {(change: object) => void} status part of a Status
 * @property {(facts: import("./server.mjs").ServerFacts) => void} [server] how a question to the device's server went
 * @property {() => void} [store] the facts of `watch` have changed
 * @property {() => void} [opening] an engine is to be opened: from now on code of the author's runs
 * @property {(count: number) => void} opened an engine answers calls; this host's so-many-th
 * @property {(error: PlainError) => void} fenced another engine owns the store; this one has stopped
 * @property {(looping: Looping) => void} [looping] such code has computed for long
 * @property {(entered: Entered) => void} [entering] code of theirs begins; told only to who was told to beware
 * @property {(id: number) => void} needPort to who hosts the store; it arrives in `connected({id, port})`
 *
 * @typedef {{code: string, message: string, facts: Record<string, unknown>}} PlainError
 * @typedef {{runId: string, kind: "workflow" | "activity" | "query" | "", name: string}} Entered
 * @typedef {Entered & {seconds: number, where: string, ending: "not yet" | "ended" | "in vain"}} Looping
 * @typedef {{at: number, tell: boolean, runs: Record<string, {what: string, seconds: number, where: string}>}} Beware of what hung another worker
 */

/** Who leads after this time needs no warning: somebody has led meanwhile. */
const BEWARE_MS = 120_000;

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

export class EngineHost {
  /** @type {Promise<any> | null} the Python module weft_browser.main, ready to open an engine */ #prepared = null;
  #wanted = false; // an engine is open, or is to be
  #opened = 0;
  #imported = false; // another store was put in the place of ours, as the user wished
  /** @type {Promise<unknown>} openings and closings, one after the other */ #turn = Promise.resolve();
  #asked = 0;

  /** @param {HostOptions} options @param {HostListener} tell */
  constructor(options, tell) {
    this.options = options;
    this.tell = tell;
    this.ready = false; // an engine is open and answers
    /** @type {Beware | null} */ this.beware = null;
    this.heapBytes = () => 0; // of Python, when it is loaded
    this.heapNeeded = 0; // when the engine was opened: its runs go on at once, and may take more
    /** @type {Promise<void>} calls that were left, while they are made */ this.leftCalls = Promise.resolve();
    this.store = openStore(options, tell);
    this.watch = new StoreWatch(durabilityOf(options), () => this.tell.store?.(), () => void this.#note(), storageName(options), roomOf(options, this.store));
    this.bridge = bridgeOf(this);
    this.responder = new Responder((id, method, params) => this.bridge.called(id, method, params));
  }

  /** Load Python and the author's modules, once; a standby does only this. Rejects with what is wrong, and may be called again then. */
  prepare() {
    this.#prepared ??= this.#load().catch((error) => {
      this.#prepared = null;
      throw error;
    });
    return this.#prepared;
  }

  /** Open the engine: its runs go on, and calls are answered. Again, after it was closed or fenced. Does nothing if it is closed meanwhile. */
  async open() {
    this.#wanted = true;
    const main = await this.prepare();
    this.tell.status({ stage: "opening the store", progress: 0.95 });
    this.tell.opening?.();
    await this.#openEngine(main);
  }

  /**
   * Stop the engine; its runs stay at their checkpoints, and calls that wait are left to the next. Python stays loaded.
   * @returns {Promise<string>} why the engine had stopped before, or ""
   */
  async close() {
    this.#wanted = this.ready = false;
    this.responder.forget();
    const main = await this.#prepared?.catch(() => null);
    return main ? this.#inTurn(() => main.close()) : "";
  }

  /** @template T @param {() => Promise<T>} work @returns {Promise<T>} */
  #inTurn(work) {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /**
   * Close at a good moment: what is in flight ends and is recorded, and nothing begins.
   * @param {number} seconds how long that may take @returns {Promise<number>} how many attempts were cut off
   */
  async drain(seconds) {
    this.#wanted = false;
    const cutOff = await (await this.#prepared)?.drain(seconds);
    this.ready = false;
    return cutOff ?? 0;
  }

  /** Answer a call, unless no engine is open: then nobody answers, and it is sent again. @param {import("./rpc.mjs").CallMessage} message @param {(reply: object) => void} answer */
  accept(message, answer) {
    const refusal = this.#wanted ? this.watch.refusal(message) : null; // also while the engine waits for a store that is full
    if (refusal === null) this.#pass(message, answer);
    else void Promise.resolve(refusal).then((error) => (error ? answer(replyTo(message, JSON.stringify({ error }))) : this.#pass(message, answer)));
  }

  /** @param {import("./rpc.mjs").CallMessage} message @param {(reply: object) => void} answer */
  #pass(message, answer) {
    if (this.ready) this.responder.accept(message, answer);
  }

  /** A call of the host's own; never answered if the engine stops. @param {string} method @param {object} params @returns {Promise<{ok?: any, error?: PlainError}>} */
  ask(method, params) {
    const call = { v: OLDEST, t: /** @type {const} */ ("call"), from: this.options.id, id: ++this.#asked, method, params: JSON.stringify(params) };
    return new Promise((resolve) => this.accept(call, (reply) => resolve(JSON.parse(/** @type {any} */ (reply).text))));
  }

  /** Make the calls that were left while no engine was open; nothing was, where the browser keeps nothing. */
  makeLeftCalls() {
    if (this.watch.facts.durability === "memory") return;
    const made = makeLeft(this.options.name, (method, params) => this.ask(method, params));
    this.leftCalls = made.then(() => {}, (error) => console.warn("weft: calls that were left:", error));
  }

  /** @param {{id: number, port?: MessagePort, error?: string}} message the answer to `needPort` */
  connected(message) {
    if (this.store instanceof StoreClient) this.store.connected(message);
  }

  async #load() {
    const report = (/** @type {string} */ stage, /** @type {number} */ progress) => this.#wanted && this.tell.status({ stage, progress });
    const { python, workflows, activities, boot } = await loadInterpreter(this.options, report);
    this.heapBytes = () => python._module.HEAPU8.byteLength;
    const packed = python.pyimport("weft_browser.packed");
    const main = packed.load("weft_browser.main");
    packed.destroy();
    try {
      const limit = this.options.loopLimit ?? LOOP_LIMIT_S;
      main.prepare(this.bridge, workflows.join("\n"), activities.join("\n"), limit);
      if (limit) guard(python, limit);
    } catch (error) {
      throw Object.assign(new Error(pythonMessage(error)), { name: "WorkflowImportError" });
    }
    this.tell.status({ standby: "warm", boot, ...(boot.from === "snapshot" && { snapshot: "kept" }) });
    return main;
  }

  /** @param {any} main */
  #openEngine(main) {
    return this.#inTurn(async () => {
      if (!this.#wanted) return;
      const error = await main.open(JSON.stringify({
        durability: durabilityOf(this.options), store: storageName(this.options), require_durable: this.options.requireDurable ?? false, server: this.options.server ?? "",
        beware: this.#warning(),
      }));
      this.heapNeeded = this.heapBytes();
      if (!this.#wanted) return; // the closing that waits for us closes it
      if (error) throw Object.assign(new Error(), JSON.parse(error));
      const { durability, store_id: storeId, epoch, found } = JSON.parse(main.store());
      const evicted = durability === "memory" ? null : await witnessed(witnessOf(this.options), { storeId, epoch, found }, this.#imported);
      this.#imported = false;
      this.watch.set({ durability, evicted });
      void this.watch.measure();
      this.ready = true;
      this.#opened += 1;
      this.tell.opened(this.#opened);
      this.makeLeftCalls();
    });
  }

  /** Told once: what it names is written down by the engine that opens now. */
  #warning() {
    const warning = this.beware && Date.now() - this.beware.at < BEWARE_MS ? this.beware : null;
    if (this.beware) this.beware = { ...this.beware, runs: {} };
    return warning;
  }

  /** The witness is told how far the store has come: never more than is durable. */
  async #note() {
    const main = this.ready && this.watch.facts.durability !== "memory" ? await this.#prepared : null;
    const position = main ? JSON.parse(await main.position()) : null;
    if (position) await note(witnessOf(this.options), position);
  }

  /** The engine has stopped. @param {{state: string, error: PlainError}} report */
  health({ state, error }) {
    this.ready = false;
    if (state === "fenced") {
      this.#wanted = false;
      this.responder.forget();
      return this.tell.fenced(plainError(error));
    }
    if (state === "replaced") { // by an import
      this.#imported = true;
      this.responder.forget();
      this.tell.status({ state: "loading", stage: "opening what was imported" });
      return this.#recover(0);
    }
    this.tell.status({ state: "degraded", stage: "waiting for the store", error });
    this.#recover(FIRST_PAUSE_MS);
  }

  /** The store failed, and the runs wait. Open it again, each time after a longer pause, until the store works. @param {number} pause ms */
  #recover(pause) {
    setTimeout(async () => {
      if (!this.#wanted) return;
      try {
        await this.#openEngine(await this.prepare());
      } catch (error) {
        this.tell.status({ state: "degraded", error: plainError(error) });
        this.#recover(Math.min(Math.max(pause * 2, FIRST_PAUSE_MS), LONGEST_PAUSE_MS));
      }
    }, pause);
  }
}

/** @param {HostOptions} options @param {HostListener} tell */
function openStore({ id, name, storage, durability }, { needPort }) {
  const database = `weft:${name}`;
  if (storage === "direct") return new IdbStore(database, { durability });
  const host = storage === "extension" ? "the background of the extension" : "the service worker";
  return new StoreClient(database, { durability, client: id, needPort, host });
}

/** Nothing is flushed to the disk in an extension's storage. @param {HostOptions} options @returns {"strict" | "relaxed"} */
const durabilityOf = ({ storage, durability }) => (storage === "extension" ? "relaxed" : durabilityHere(durability));

/** What messages call the store. @param {HostOptions} options */
const storageName = ({ storage }) => (storage === "extension" ? "browser.storage" : "IndexedDB");

/** How full the store is, where the browser does not count it as data of the site. @param {HostOptions} options @param {IdbStore | StoreClient} store */
const roomOf = ({ storage }, store) => (storage === "extension" && store instanceof StoreClient ? () => store.room() : null);

/** What Python may call: flat values only, and these functions are made once. @param {EngineHost} host */
function bridgeOf(host) {
  const bridge = {
    /** @param {number} id @param {Uint8Array} frame */
    store(id, frame) {
      host.store.call(frame).then((reply) => {
        host.watch.saw(frame, reply);
        bridge.stored(id, reply);
      });
    },
    /** @param {number} id @param {string} text */
    reply(id, text) {
      host.responder.reply(id, text);
    },
    /** @param {string} text */
    event(text) {
      host.tell.event(text);
    },
    /** @param {string} text */
    server(text) {
      host.tell.server?.(JSON.parse(text));
    },
    /** @param {string} text */
    looping(text) {
      host.tell.looping?.(JSON.parse(text));
    },
    /** @param {string} runId @param {Entered["kind"]} kind @param {string} name */
    entering(runId, kind, name) {
      host.tell.entering?.({ runId, kind, name });
    },
    /** @param {string} text */
    health(text) {
      host.health(JSON.parse(text));
    },
    /** @param {(id: number, reply: Uint8Array) => void} stored @param {(id: number, method: string, params: string) => void} called */
    attach(stored, called) {
      bridge.stored = stored;
      bridge.called = called;
    },
    /** @type {(id: number, reply: Uint8Array) => void} set by Python */ stored: () => {},
    /** @type {(id: number, method: string, params: string) => void} set by Python */ called: () => {},
  };
  return bridge;
}

/** @param {any} error @returns {PlainError} */
export const plainError = (error) => ({ code: error.code ?? error.name ?? "Error", message: pythonMessage(error), facts: error.facts ?? {} });

/** The last line of a Python traceback says what is wrong; the whole of it goes to the console. @param {any} error */
function pythonMessage(error) {
  const text = String(error?.message ?? error);
  if (error?.name !== "PythonError") return text;
  console.error(text);
  return text.trim().split("\n").pop() ?? text;
}

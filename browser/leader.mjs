/**
 * A tab that shares a store with others: its worker, the group of tabs, and what it says of itself.
 *
 * The worker that holds the Web Lock `weft:<name>` runs the engine; the browser hands the lock on when that worker dies. Pages send their calls
 * to the leading worker, their own or another tab's.
 */
import { forgetStore, rememberStore } from "../service_worker/known_stores.mjs";
import { Broker } from "./broker.mjs";
import { Group } from "./group.mjs";
import { OwnWorker, baseOf, engineOptions } from "./own_worker.mjs";
import { followPageLifecycle, whenIdle } from "./page_lifecycle.mjs";
import { persist, persisted } from "./durability.mjs";
import { WeftError } from "./rpc.mjs";
import { ServerLink } from "./server.mjs";
import { LOOP_LIMIT_S, WorkerWatch } from "./worker_watch.mjs";
import { makeSnapshotLater } from "./snapshot_maker.mjs";
import { StatusBoard } from "./status.mjs";
import { notDurable } from "./store_watch.mjs";
import { dismiss, witnessOf } from "./witness.mjs";
import { Updates } from "./update.mjs";
import { Wakeups } from "./wakeups.mjs";

/** A worker that has lost the lead and has not said so by then hangs, perhaps in a transaction, which blocks the store: it is ended. */
const GIVE_WAY_TIMEOUT_MS = 2_000;

/** How long activities in flight may take to end before a worker is replaced. */
const RECYCLE_PATIENCE_S = 30;

/** @param {import("./client.mjs").OpenOptions} options */
function storagePortOf({ storagePort }) {
  if (storagePort) return storagePort;
  throw new WeftError({ code: "StorageCapabilityError", message: 'storage: "extension" needs a storagePort, which a page of an extension has from its store_port.mjs; other pages open Weft with storage: "direct"' });
}

export class Tab {
  /** @param {import("./client.mjs").OpenOptions} options @param {import("./rpc.mjs").Caller} caller */
  constructor(options, caller) {
    this.options = options;
    this.caller = caller;
    this.board = new StatusBoard(options);
    this.group = new Group(options.name ?? "default", caller, {
      leads: (leads) => this.#leads(leads), took: (worker) => this.#taken(worker), asked: (leader) => this.#vouch(leader),
      server: (facts) => this.#server(facts),
    });
    this.link = options.server ? new ServerLink(options.server, caller, (trouble) => this.#noToken(trouble)) : null;
    if (this.link) this.group.subscribe({ event() {}, closed() {}, leader: () => void this.link?.introduce() });
    this.worker = new OwnWorker(options, (message) => this.#fromWorker(message), (failure) => this.#workerFailed(failure));
    this.broker = new Broker(options.serviceWorker ?? null, options.storage === "extension" ? storagePortOf(options) : null);
    this.updates = new Updates(this);
    this.wakeups = new Wakeups(caller, () => this.status.role === "leader");
    this.watch = new WorkerWatch(options.loopLimit ?? LOOP_LIMIT_S, {
      ping: () => this.worker.post({ t: "ping" }), tell: (unresponsive) => this.board.set({ unresponsive }), hung: (beware) => this.#hung(beware),
    });
    this.asleep = false; // no worker, no channel: the page is frozen, or kept by the browser for a way back, or changes over to another build
    this.known = new Promise((resolve, reject) => {
      this.settleOpen = { resolve: () => resolve(undefined), reject };
    });
    this.known.catch(() => {}); // open() may have been left by then
  }

  get status() {
    return this.board.status;
  }

  /** Resolves when a leader answers; rejects when this tab should lead and cannot. */
  async open() {
    if (this.status.storage === "service-worker") await this.broker.register();
    this.worker.start();
    this.group.join();
    followPageLifecycle(() => this.#sleep(), () => this.#wake());
    await this.known;
    void this.#registered();
    void persisted().then((found) => this.board.set({ persisted: this.status.durability === "memory" ? false : found }));
  }

  async #registered() {
    const registration = await this.broker.register().catch((error) => void console.warn("weft: no service worker:", error));
    if (this.status.state === "closed") return;
    this.wakeups.listen(registration ?? null);
    if (!registration) return;
    this.updates.watch(registration);
    const { name, ...rest } = engineOptions(this.options);
    if (this.options.background === false) await forgetStore(registration.scope, name);
    else await rememberStore(registration.scope, { name, ...rest });
  }

  /** Stop this tab's worker; if it leads, what is in flight ends first, in so many seconds. @param {number} seconds */
  async pause(seconds) {
    if (this.status.role === "leader" && this.status.state === "ready") await this.worker.drain(seconds);
    this.#sleep();
  }

  /** Go on after a pause. */
  resume() {
    this.#wake();
  }

  /** @param {object} message to the leading worker; without one it is dropped, and sent again when there is one */
  send(message) {
    if (this.group.leader === null) return;
    if (this.group.leader === this.worker.id) this.worker.post(message);
    else this.group.send(message);
  }

  /** @param {import("./group.mjs").Listener} listener */
  subscribe(listener) {
    return this.group.subscribe(listener);
  }

  async close() {
    if (this.status.state === "closed") return;
    this.giveUpSnapshot?.();
    this.#stopWorker();
    const error = { code: "ClientClosedError", message: "this Weft client was closed; open a new one" };
    this.caller.rejectAll(error);
    this.settleOpen.reject(new WeftError(error));
    this.board.set({ state: "closed", role: null, stage: "closed" });
    this.group.close();
    this.updates.close();
    this.wakeups.close();
  }

  /** Ask the browser to keep the store. It may refuse, or ask the user. */
  async persist() {
    const promised = await persist();
    this.board.set({ persisted: promised });
    return promised;
  }

  /** The user knows that an earlier store is gone. */
  async dismissEviction() {
    await dismiss(witnessOf({ name: this.options.name ?? "default", storage: this.status.storage }));
    this.board.set({ evicted: null });
  }

  /** The next start is quicker if this browser keeps a snapshot of Python. Who starts from one has it. */
  #keepSnapshot() {
    if (this.status.snapshot !== "none" || this.giveUpSnapshot) return;
    const options = { base: baseOf(this.options.base), soon: this.options.snapshot === "soon" };
    this.giveUpSnapshot = makeSnapshotLater(options, ({ outcome, error }) => {
      const message = `no snapshot is kept (${error ?? outcome}); the next start loads Python as at the first visit`;
      const failed = /** @type {const} */ ({ code: "SnapshotNotKept", message, facts: { reason: error ?? outcome } });
      this.board.set({ snapshot: outcome === "kept" || outcome === "there" ? "kept" : failed });
    });
  }

  /** @param {any} message */
  #fromWorker(message) {
    switch (message.t) {
      case "reply": return this.caller.settle(message);
      case "event": return this.group.publish(message.text);
      case "alone": return this.group.leave();
      case "leader": return this.group.led(message);
      case "ended": return this.#gaveWay();
      case "need-port": return void this.broker.connect(this.worker.worker, message.id);
      case "status": return this.board.set(message.status);
      case "drained": return this.worker.drained();
      case "server": return this.#server(message.server);
      case "opening": return this.watch.begin();
      case "heap-full": return void this.#recycle();
      case "pong": case "looping": case "entering": return this.watch.heard(message);
      case "failed": return this.#workerFailed(message.error);
    }
  }

  /** @param {import("./own_worker.mjs").Failure} failure */
  #workerFailed(failure) {
    const wasLeader = this.status.role === "leader";
    this.#stopWorker();
    this.board.set({ state: "degraded", role: null, standby: "cold", stage: "stopped", error: failure });
    const again = () => this.group.say({ t: "hello" }); // whoever leads by then says so, and this tab follows
    if (!this.worker.restart(failure, wasLeader ? 1 : 2, again)) this.settleOpen.reject(new WeftError(failure));
  }

  #gaveWay() {
    this.watch.stop();
    clearTimeout(this.giveWay);
    this.group.ended(this.worker.id);
  }

  #stopWorker() {
    this.watch.stop();
    clearTimeout(this.giveWay);
    this.group.ended(this.worker.id);
    this.worker.stop();
  }

  /** @param {import("./group.mjs").Leads} message */
  #leads({ leader, store, server }) {
    const own = leader === this.worker.id;
    if (store) this.board.set(store);
    if (server) this.board.set({ server });
    if (this.options.requireDurable && store?.durability === "memory") return this.settleOpen.reject(new WeftError(notDurable()));
    if (own) this.worker.restarts = 0;
    if (own) this.watch.begin();
    if (own) this.board.set({ state: "ready", role: "leader", stage: "ready", progress: 1, error: null });
    else this.#follow();
    this.settleOpen.resolve();
    if (own) this.#keepSnapshot();
  }

  #follow() {
    this.board.set({ state: "follower", role: "follower", stage: "another tab leads", error: null });
    if (this.options.standby !== "cold" && this.status.standby === "cold") whenIdle(() => this.worker.post({ t: "warm" }));
  }

  /** @param {import("./server.mjs").ServerFacts} facts */
  #server(facts) {
    this.board.set({ server: facts });
    if (facts.state === "denied") void this.link?.denied();
  }

  /** @param {string} trouble */
  #noToken(trouble) {
    this.board.set({ server: { url: this.link?.url ?? "", state: "denied", trouble: `no token for it: ${trouble}` } });
  }

  /** The lock is another worker's now. @param {string} worker */
  #taken(worker) {
    if (worker === this.worker.id || this.status.role !== "leader") return;
    clearTimeout(this.giveWay);
    this.giveWay = setTimeout(() => this.#replaceWorker("gave way: its worker hung, and was ended"), GIVE_WAY_TIMEOUT_MS);
  }

  /** Nothing but the end of its worker helps. Whoever leads next must know why. @param {import("./engine_host.mjs").Beware} beware */
  #hung(beware) {
    this.group.say({ t: "hung", beware });
    this.worker.beware = beware;
    this.#replaceWorker(`its worker hung in ${Object.keys(beware.runs)[0] ?? "a run that is not known yet"}, and was ended`);
  }

  /** @param {string} stage */
  #replaceWorker(stage) {
    this.#stopWorker();
    this.board.set({ state: "follower", role: "follower", standby: "cold", stage });
    this.worker.start();
    if (this.options.standby !== "cold") this.worker.post({ t: "warm" });
  }

  /** Someone in line does not hear the leader. @param {string | null} leader */
  #vouch(leader) {
    if (this.status.role === "leader" && (leader === null || leader === this.worker.id)) this.group.say({ t: "busy" });
  }

  /** The memory of a worker is given back only with the worker. Runs stand at their checkpoints, and the next worker, or tab, goes on. */
  async #recycle() {
    const replaced = () => this.status.update?.state === "applying"; // by a new build, or is about to be
    if (replaced()) return;
    this.board.set({ stage: "replacing the worker, whose memory has grown", recycled: this.status.recycled + 1 });
    await this.pause(RECYCLE_PATIENCE_S);
    if (!replaced()) this.resume();
  }

  #sleep() {
    if (this.asleep) return;
    this.asleep = true;
    this.#stopWorker();
    this.group.leave();
  }

  #wake() {
    if (!this.asleep || this.status.state === "closed") return;
    this.asleep = false;
    this.board.set({ state: "loading", role: null, standby: "cold", stage: "waking", progress: 0 });
    this.worker.start();
    this.group.join();
  }
}

/**
 * A client without an engine: it talks to whichever tab, or other context of the origin, leads the store. It starts no worker, stands in no
 * election and needs no files of Python, and works in a page, a dedicated worker and an extension's service worker.
 *
 *     const weft = connect({ name: "shop" });
 *     await weft.start("checkout", [order]);
 *
 * What is asked while nobody leads waits until somebody does.
 */
import { Asking } from "./asking.mjs";
import { locksDenied } from "./denied.mjs";
import { persisted } from "./durability.mjs";
import { lockOf } from "./election.mjs";
import { Group } from "./group.mjs";
import { followPageLifecycle } from "./page_lifecycle.mjs";
import { Caller, WeftError, uniqueId } from "./rpc.mjs";
import { GuestBoard } from "./status.mjs";

export { WeftError };

/**
 * @typedef {object} ConnectOptions
 * @property {string} [name] of the store, as Weft.open() has it
 * @property {number} [deadlineMs] for calls other than result(); from when they are made, whether anybody leads then or not
 *
 * @typedef {import("./status.mjs").GuestStatus} GuestStatus
 */

/** A leader that ended without a word is missed after so long: the browser has freed its lock. */
const LOOK_MS = 1_000;

/** @param {ConnectOptions} [options] @returns {Connection} at once, whether anybody leads or not */
export function connect({ name = "default", deadlineMs = 30_000 } = {}) {
  const caller = new Caller(uniqueId(), (message) => guest.send(message));
  const guest = new Guest(name, caller);
  guest.open();
  return new Connection(guest, deadlineMs);
}

export class Connection extends Asking {
  /** @type {Guest} */ #guest;

  /** Use {@link connect}. @param {Guest} guest @param {number} deadlineMs */
  constructor(guest, deadlineMs) {
    super(guest.caller, guest.group, deadlineMs);
    this.#guest = guest;
  }

  get status() {
    return this.#guest.board.status;
  }

  /** @param {(status: GuestStatus) => void} callback called now and on each change @returns {() => void} unsubscribe */
  onstatus(callback) {
    return this.#guest.board.watch(callback);
  }

  /** Let go. Nothing of the engine ends with it. */
  close() {
    this.#guest.close();
  }
}

/** One who hears the group and speaks to its leader, and is never one itself. */
class Guest {
  #asleep = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #looking;

  /** @param {string} name of the store @param {Caller} caller */
  constructor(name, caller) {
    this.caller = caller;
    this.board = new GuestBoard();
    this.lock = lockOf(name);
    this.group = new Group(name, caller, {
      leads: ({ store, server }) => this.#hears({ ...store, ...(server && { server }), state: "ready", role: "guest", stage: "an engine answers", error: null }),
      took: () => this.#waits("an engine starts"),
      ended: () => this.#waits("nobody leads"),
      server: (server) => this.board.set({ server }),
      asked() {},
    });
  }

  open() {
    this.group.join();
    followPageLifecycle(() => this.#sleep(), () => this.#wake());
    void persisted().then((found) => this.board.set({ persisted: found }));
    void locksDenied().then((denied) => denied && this.board.set({ error: alone() }));
  }

  /** @param {object} message to the leader; without one it is dropped, and sent again when there is one */
  send(message) {
    if (this.group.leader !== null) this.group.send(message);
  }

  close() {
    if (this.board.status.state === "closed") return;
    clearInterval(this.#looking);
    this.caller.rejectAll({ code: "ClientClosedError", message: "this connection was closed; connect() again" });
    this.board.set({ state: "closed", role: null, stage: "closed" });
    this.group.close();
  }

  /** @param {Partial<GuestStatus>} news of the leader */
  #hears(news) {
    if (this.board.status.state === "closed") return;
    this.board.set(news);
    clearInterval(this.#looking);
    this.#looking = setInterval(() => void this.#look(), LOOK_MS);
  }

  /** @param {string} stage */
  #waits(stage) {
    clearInterval(this.#looking);
    this.group.leader = null;
    this.board.set({ state: "waiting", role: null, stage });
  }

  /** Whether anybody holds the lock still. It is not asked for: who stands in line may be given it. */
  async #look() {
    const { leader } = this.group;
    const { held = [] } = (await navigator.locks?.query()) ?? {};
    if (leader !== null && !held.some((lock) => lock.name === this.lock)) this.group.ended(leader);
  }

  #sleep() {
    if (this.#asleep) return;
    this.#asleep = true;
    this.group.leave();
    this.#waits("asleep");
  }

  #wake() {
    if (!this.#asleep || this.board.status.state === "closed") return;
    this.#asleep = false;
    this.group.join();
  }
}

const alone = () => ({
  code: "StorageCapabilityError",
  message: "the browser keeps nothing for this page, so each page has an engine for itself alone and none can be connected to: allow site data",
  facts: { capability: "locks" },
});

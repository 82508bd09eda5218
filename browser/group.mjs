/** The tabs that share a store, as one of them hears them: who leads, the events of all runs, and answers to this page's calls. */
import { openChannel } from "./denied.mjs";
import { OLDEST, understood } from "./protocol.mjs";

/**
 * @typedef {{event(event: any): void, leader(): void, closed(): void}} Listener
 * @typedef {{leader: string, opened: number, protocol?: number, store?: import("./store_watch.mjs").StoreFacts, server?: import("./server.mjs").ServerFacts | null}} Leads a worker leads, and has opened an engine for the so-many-th time;
 *   protocol 1 did not say which it speaks
 */

export class Group {
  /**
   * @param {string} name of the store @param {import("./rpc.mjs").Caller} caller
   * @param {{leads(leads: Leads): void, took(worker: string): void, ended?(): void, asked(leader: string | null): void, server(facts: any): void}} tell
   *   who leads, each time it is said; who has the lock now; that who led is no more; that a leader is not heard; how a question to the device's server went
   */
  constructor(name, caller, tell) {
    this.name = name;
    this.caller = caller;
    this.tell = tell;
    /** @type {string | null} the worker that leads */ this.leader = null;
    this.opened = 0;
    /** @type {Set<Listener>} */ this.listeners = new Set();
    /** @type {import("./denied.mjs").Channel | null} */ this.channel = null;
  }

  /** Listen, and ask who leads. Again after `leave()`: then what was missed is read. */
  join() {
    this.channel = openChannel(`weft:${this.name}`);
    this.channel.onmessage = ({ data }) => this.#heard(data);
    this.say({ t: "hello" });
  }

  /** A page that sleeps hears nothing: with an open channel it could not come back from the back/forward cache. */
  leave() {
    this.channel?.close();
    this.channel = this.leader = null;
  }

  /** @param {object} message for all tabs, of every build */
  say(message) {
    this.channel?.postMessage({ v: OLDEST, ...message });
  }

  /** @param {object} message for the leader, when it is not this tab's own worker */
  send(message) {
    this.channel?.postMessage(message);
  }

  /** @param {string | null} leader that is no more */
  ended(leader) {
    if (leader === null || leader !== this.leader) return;
    this.leader = null;
    this.tell.ended?.();
  }

  /** @param {Leads} message of this tab's worker, or of another's */
  led(message) {
    const changed = message.leader !== this.leader || message.opened !== this.opened;
    this.leader = message.leader;
    this.opened = message.opened;
    this.tell.leads(message);
    if (!changed) return;
    this.caller.resend(message.protocol ?? 1);
    for (const listener of this.listeners) listener.leader();
  }

  /** @param {Listener} listener */
  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close() {
    this.leave();
    for (const listener of this.listeners) listener.closed();
  }

  /** @param {any} message */
  #heard(message) {
    if (!understood(message.v)) return;
    if (message.t === "reply" && message.to === this.caller.from) this.caller.settle(message);
    else if (message.t === "event") this.publish(message.text);
    else if (message.t === "leader") this.led(message);
    else if (message.t === "ended") this.ended(message.leader);
    else if (message.t === "took") this.tell.took(message.leader);
    else if (message.t === "server") this.tell.server(message.server);
    else if (message.t === "silent") this.tell.asked(message.leader);
  }

  /** @param {string} text */
  publish(text) {
    if (!this.listeners.size) return;
    const event = JSON.parse(text);
    for (const listener of this.listeners) listener.event(event);
  }
}

/** The tabs that share a store, as one of them hears them: who leads, the events of all runs, and answers to this page's calls. */
import { OLDEST, understood } from "./protocol.mjs";

/**
 * @typedef {{event(event: any): void, leader(): void, closed(): void}} Listener
 * @typedef {{leader: string, opened: number, protocol?: number}} Leads a worker leads, and has opened an engine for the so-many-th time;
 *   protocol 1 did not say which it speaks
 */

export class Group {
  /** @param {string} name of the store @param {import("./rpc.mjs").Caller} caller @param {(leads: Leads) => void} leads is told who leads, each time it is said */
  constructor(name, caller, leads) {
    this.caller = caller;
    this.leads = leads;
    /** @type {string | null} the worker that leads */ this.leader = null;
    this.opened = 0;
    /** @type {Set<Listener>} */ this.listeners = new Set();
    this.channel = new BroadcastChannel(`weft:${name}`);
    this.channel.onmessage = ({ data }) => this.#heard(data);
  }

  /** Ask who leads. */
  hello() {
    this.channel.postMessage({ v: OLDEST, t: "hello" });
  }

  /** @param {object} message for the leader, when it is not this tab's own worker */
  send(message) {
    this.channel.postMessage(message);
  }

  /** @param {string | null} leader that is no more */
  ended(leader) {
    if (leader === this.leader) this.leader = null;
  }

  /** @param {Leads} message of this tab's worker, or of another's */
  led(message) {
    const changed = message.leader !== this.leader || message.opened !== this.opened;
    this.leader = message.leader;
    this.opened = message.opened;
    this.leads(message);
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
    this.channel.close();
    for (const listener of this.listeners) listener.closed();
  }

  /** @param {any} message */
  #heard(message) {
    if (!understood(message.v)) return;
    if (message.t === "reply" && message.to === this.caller.from) this.caller.settle(message);
    else if (message.t === "event") this.#publish(message.text);
    else if (message.t === "leader") this.led(message);
    else if (message.t === "ended") this.ended(message.leader);
  }

  /** @param {string} text */
  #publish(text) {
    if (!this.listeners.size) return;
    const event = JSON.parse(text);
    for (const listener of this.listeners) listener.event(event);
  }
}

/**
 * The leader's heartbeat, and the watch that those in line keep over it. Only workers hear it: pages are not woken for it.
 *
 * No clocks of two contexts are compared (firebase-js-sdk #3852): a watcher counts its own ticks since it heard the leader. A watcher that was
 * frozen itself has not ticked meanwhile. Stealing is bounded: each theft in a row doubles the patience of all, up to a quarter of an hour
 * (dxos #12707: a stuck tab restarted all others every 16 s); a leader that has been well for a minute makes them forget it.
 */

import { openChannel } from "./denied.mjs";

const TICK_MS = 1_000;
/** Ticks without a sign of life, from the leader's worker or from its page, until its lock is taken. */
const SILENT_TICKS = 5;
/** The same, at least, while its page answers: then the worker is not frozen, but busy; what loops is ended before that, here or by its page. */
const BUSY_TICKS = 50;
const LONGEST_TICKS = 900;
const WELL_TICKS = 60;

const channelOf = (/** @type {string} */ name) => openChannel(`weft:${name}:heartbeat`);

/** What the leader's worker does. */
export class Heartbeat {
  /** @param {string} name of the store @param {string} leader @param {number} thefts in a row that made it the leader */
  constructor(name, leader, thefts) {
    this.channel = channelOf(name);
    let beats = 0;
    const beat = () => this.channel.postMessage({ leader, thefts: beats++ < WELL_TICKS ? thefts : 0 });
    this.timer = setInterval(beat, TICK_MS);
    beat();
  }

  stop() {
    clearInterval(this.timer);
    this.channel.close();
  }
}

/** What a worker in line does. */
export class Watch {
  /** @param {string} name of the store @param {number} loopLimitS see HostOptions @param {{ask: (leader: string | null) => void, steal: () => void}} act `ask` the leader's page whether it lives */
  constructor(name, loopLimitS, act) {
    this.act = act;
    this.busyTicks = Math.max(BUSY_TICKS, loopLimitS + BUSY_TICKS / 2);
    /** @type {string | null} */ this.leader = null;
    this.thefts = 0;
    this.ticks = 0; // since the leader's worker was heard
    this.answered = -Infinity; // at which of them its page answered
    this.grace = Math.random() * 2; // so that not all who are in line steal at once
    this.channel = channelOf(name);
    this.channel.onmessage = ({ data }) => this.#beat(data);
    this.timer = setInterval(() => this.#tick(), TICK_MS);
  }

  stop() {
    clearInterval(this.timer);
    this.channel.close();
  }

  /** The leader's page lives; its worker does something long. */
  busy() {
    this.answered = this.ticks;
  }

  #spare() {
    this.ticks = 0;
    this.answered = -Infinity;
    this.grace = Math.random() * 2;
  }

  /** @param {{leader: string, thefts: number}} beat */
  #beat({ leader, thefts }) {
    this.leader = leader;
    this.thefts = thefts;
    this.#spare();
  }

  #tick() {
    this.ticks += 1;
    if (this.ticks >= 2) this.act.ask(this.leader);
    const patience = this.ticks - this.answered <= 3 ? this.busyTicks : SILENT_TICKS;
    if (this.ticks < Math.min(patience * 2 ** this.thefts, LONGEST_TICKS) + this.grace) return;
    this.thefts += 1;
    this.#spare();
    this.act.steal();
  }
}

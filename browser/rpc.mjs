/**
 * Requests to whichever tab leads, and their answers. A request has an id and a deadline and is sent again when the leader changes; the calls
 * themselves carry idempotency keys, so that a second delivery is harmless.
 *
 * Messages are flat: `{v, t: "call", from, id, method, params}` and `{v, t: "reply", to, id, text}`; `params` and `text` are JSON text.
 */
import { OLDEST, PROTOCOL } from "./protocol.mjs";


/** An error of Weft: `code` is stable, `message` says what to do, `facts` are the particulars. */
export class WeftError extends Error {
  /** @param {{code: string, message: string, facts?: Record<string, unknown>}} error */
  constructor({ code, message, facts = {} }) {
    super(message);
    this.name = "WeftError";
    this.code = code;
    this.facts = facts;
  }
}

/** Unique, unguessable text, also where `crypto.randomUUID` is missing (plain http). */
export function uniqueId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @typedef {{v: number, t: "call", from: string, id: number, method: string, params: string}} CallMessage
 *
 * @typedef {object} Pending a call that waits for its answer
 * @property {CallMessage} message
 * @property {(value: any) => void} resolve
 * @property {(error: WeftError) => void} reject
 * @property {ReturnType<typeof setTimeout> | undefined} timer
 */

/** The asking side. */
export class Caller {
  /** @param {string} from who asks @param {(message: CallMessage) => void} send drops the message when there is no leader yet */
  constructor(from, send) {
    this.from = from;
    this.send = send;
    this.lastId = 0;
    /** what the leader understands */ this.protocol = OLDEST;
    /** @type {Map<number, Pending>} */ this.pending = new Map();
  }

  /**
   * @param {string} method @param {unknown} params @param {number} deadlineMs 0 waits for ever
   * @returns {Promise<any>} the answer; rejects with WeftError
   */
  call(method, params, deadlineMs) {
    const id = ++this.lastId;
    const message = { v: this.protocol, t: /** @type {const} */ ("call"), from: this.from, id, method, params: JSON.stringify(params) };
    return new Promise((resolve, reject) => {
      const timer = deadlineMs ? setTimeout(() => this.#expire(id, deadlineMs), deadlineMs) : undefined;
      this.pending.set(id, { message, resolve, reject, timer });
      this.send(message);
    });
  }

  /** There is a new leader, which knows nothing of what its predecessor was asked. @param {number} protocol that it speaks */
  resend(protocol) {
    this.protocol = Math.min(protocol, PROTOCOL);
    for (const { message } of this.pending.values()) this.send(Object.assign(message, { v: this.protocol }));
  }

  /** @param {{id: number, text: string}} reply */
  settle({ id, text }) {
    const waiting = this.#take(id);
    if (!waiting) return; // answered twice, or too late
    const answer = JSON.parse(text);
    if (answer.error) waiting.reject(new WeftError(answer.error));
    else waiting.resolve(answer.ok);
  }

  /** @param {{code: string, message: string, facts?: Record<string, unknown>}} error */
  rejectAll(error) {
    for (const id of [...this.pending.keys()]) this.#take(id)?.reject(new WeftError(error));
  }

  /** @param {number} id @param {number} deadlineMs */
  #expire(id, deadlineMs) {
    const waiting = this.#take(id);
    const method = waiting?.message.method;
    waiting?.reject(new WeftError({
      code: "DeadlineExceededError",
      message: `no engine answered ${method} within ${deadlineMs} ms; the call may still take effect: `
        + "repeat it with the same key, or look with describe()",
      facts: { method, deadline_ms: deadlineMs },
    }));
  }

  /** @param {number} id */
  #take(id) {
    const waiting = this.pending.get(id);
    this.pending.delete(id);
    if (waiting) clearTimeout(waiting.timer);
    return waiting;
  }
}

/** The answering side: the same request, delivered twice while it is being answered, is answered once. */
export class Responder {
  /** @param {(id: number, method: string, params: string) => void} dispatch answers through `reply` */
  constructor(dispatch) {
    this.dispatch = dispatch;
    this.lastId = 0;
    /** @type {Map<number, {message: CallMessage, answer: (reply: object) => void}>} */ this.open = new Map();
    /** @type {Set<string>} */ this.seen = new Set();
  }

  /** @param {CallMessage} message @param {(reply: object) => void} answer */
  accept(message, answer) {
    const name = `${message.from}/${message.id}`;
    if (this.seen.has(name)) return;
    this.seen.add(name);
    const id = ++this.lastId;
    this.open.set(id, { message, answer });
    this.dispatch(id, message.method, message.params);
  }

  /** What is open will not be answered by the engine that was asked: it is sent again, to the next one. */
  forget() {
    this.open.clear();
    this.seen.clear();
  }

  /** @param {number} id @param {string} text */
  reply(id, text) {
    const found = this.open.get(id);
    if (!found) return;
    const { message, answer } = found;
    this.open.delete(id);
    this.seen.delete(`${message.from}/${message.id}`);
    answer(replyTo(message, text));
  }
}

/** In the version of who has asked. @param {CallMessage} message @param {string} text */
export const replyTo = (message, text) => ({ v: message.v, t: "reply", to: message.from, id: message.id, text });

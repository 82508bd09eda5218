/** A port of browser.runtime, used like a MessagePort by who serves a store or asks one: it carries JSON, so frames travel as base64. */
import { fromBase64, toBase64 } from "./base64.mjs";

/** @template T @typedef {{addListener: (listener: T) => void}} Listening */

/**
 * @typedef {{id?: string, url?: string, origin?: string, tab?: object}} Sender
 * @typedef {object} RuntimePort
 * @property {string} name
 * @property {Sender} [sender]
 * @property {(message: any) => void} postMessage
 * @property {() => void} disconnect
 * @property {Listening<(message: any) => void>} onMessage
 * @property {Listening<() => void>} onDisconnect
 */

export class JsonPort {
  /** @type {((event: {data: any}) => void) | null} */ onmessage = null;

  /** @param {RuntimePort} port */
  constructor(port) {
    this.port = port;
    port.onMessage.addListener((message) => this.onmessage?.({ data: withFrame(message, fromBase64) }));
  }

  /** Nobody hears it when the other end is gone: who waits for it learns that by other means. @param {any} message */
  postMessage(message) {
    try {
      this.port.postMessage(withFrame(message, toBase64));
    } catch (error) {
      console.debug("weft: a message to a port that is closed:", error);
    }
  }

  close() {
    this.port.disconnect();
  }
}

/** @param {any} message @param {(frame: any) => unknown} convert */
const withFrame = (message, convert) => (message.frame === undefined ? message : { ...message, frame: convert(message.frame) });

/** What is this extension's own in the background: what it listens to, and what it may be asked. */
import { startLater } from "./engine/asking.mjs";

/**
 * Called in the background's first turn: register listeners for browser events here, and call `wake` when one has left something to do.
 * @param {() => Promise<void>} wake
 */
export function listen(wake) {}

/** @typedef {import("./engine/messages.mjs").Handlers} Handlers */

/** Each leaves something for the engine, which is woken then. @type {Record<import("./engine/senders.mjs").From, Handlers>} */
export const asked = {
  extension: {
    hello: ({ name, id }) => startLater("hello", [String(name)], id),
  },
  content: {}, // scripts in other people's pages may ask nothing
};

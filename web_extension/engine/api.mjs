/** The browser's own interface to extensions: promises in both of its names. */

/** @type {any} */
export const api = /** @type {any} */ (globalThis).browser ?? /** @type {any} */ (globalThis).chrome;

export { STORE } from "../workflows.mjs";

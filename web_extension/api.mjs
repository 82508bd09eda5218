/** The browser's own interface to extensions: promises in both of its names. */

/** @type {any} */
export const api = /** @type {any} */ (globalThis).browser ?? /** @type {any} */ (globalThis).chrome;

/** The store of the clips, and the Web Locks and channels that are named after it. */
export const STORE = "clips";

/** What this extension runs. */

/** The store of its runs, and the Web Locks and channels that are named after it. */
export const STORE = "runs";

/** Files of this folder. @type {string[]} */
export const WORKFLOWS = ["hello.py"];
/** @type {string[]} */
export const ACTIVITIES = [];

/** What this extension runs. */

/** The store of its runs, and the Web Locks and channels that are named after it. */
export const STORE = "clips";

/** Files of this folder. */
export const WORKFLOWS = ["clip.py"];
export const ACTIVITIES = ["clip_activities.py"];

/** What states are called for people, and which mood they have: "good", "bad", "busy" or "asks". */

/** @typedef {import("./types.mjs").Run} Run @typedef {import("./status.mjs").Status} Status @typedef {import("./status.mjs").GuestStatus} GuestStatus */

/** @type {Record<(Status | GuestStatus)["state"] | "guest", [string, string]>} */
export const ENGINE = {
  loading: ["starting", "busy"],
  ready: ["running here", "good"],
  follower: ["running in another tab", "good"],
  guest: ["running", "good"],
  waiting: ["not running", "busy"],
  degraded: ["in trouble", "bad"],
  closed: ["stopped", "bad"],
};

/** @type {Record<string, string>} */
export const RUN = {
  pending: "not begun", running: "under way", suspended: "suspended", needs_attention: "needs a look", completed: "done", failed: "failed",
  cancelled: "cancelled", timed_out: "ran out of time", terminated: "stopped", held: "held: code changed", dead: "needs a look",
  transferring: "on its way to another engine", moved: "with another engine",
};

/** @param {Run} run */
export function mood(run) {
  if (run.status === "running") return run.waiting_for.some((wait) => ["signal", "review", "update"].includes(wait.kind)) ? "asks" : "busy";
  if (["pending", "transferring", "moved"].includes(run.status)) return "busy";
  if (run.status === "suspended") return "asks";
  return run.status === "completed" ? "good" : "bad";
}

/** What it waits for, in one line. @param {Run} run */
export const waits = (run) => run.waiting_for.map(({ kind, name, attempt = 0 }) => {
  if (kind === "review") return `a decision: ${name ?? ""}`;
  if (kind === "sleep") return "a pause";
  return attempt > 1 ? `${name}, attempt ${attempt}` : (name ?? kind);
}).join(", ");

export function serviceWorker() {
  const container = navigator.serviceWorker;
  if (!container) return { text: "not available", mood: "bad", about: "This page cannot start offline here" };
  if (container.controller) return { text: container.controller.state, mood: "good", about: "It serves this page and Python from its cache when the server is gone" };
  return { text: "none yet", mood: "busy", about: "When it is installed, the next load of this page works offline" };
}

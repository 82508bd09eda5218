/** When the tab was crashed on purpose, by run. The engine knows nothing of it: to a parked run a crash is no event. */

const KEY = "weft-demo-crashes";
const KEPT = 50;

/** @returns {{run: string, at: number}[]} */
function all() {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "[]");
  } catch {
    return [];
  }
}

/** @param {string} run */
export function noteCrash(run) {
  const [visit] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType("navigation"));
  if (!run || visit?.type !== "navigate") return; // to reload the crash page, or to come back to it, is no crash
  localStorage.setItem(KEY, JSON.stringify([...all(), { run, at: Math.round(performance.timeOrigin) }].slice(-KEPT)));
}

/** Rows for the timeline. @param {string} run @returns {import("./weft/panel_steps.mjs").Row[]} */
export function crashesOf(run) {
  return all().filter((crash) => crash.run === run).map(({ at }) => ({
    key: `crash${at}`, kind: "crash", title: "You crashed the tab", state: "info", at, until: at,
    detail: "The next one went on at the same line, with the same variables.",
  }));
}

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

/** @param {string} run @returns {number[]} epoch ms */
export function crashesOf(run) {
  return all().filter((crash) => crash.run === run).map((crash) => crash.at);
}

/** Has the page's browser make a memory snapshot of Python when it has nothing better to do, so that the next start is quick. */
import { servedScope } from "./broker.mjs";
import { whenIdle } from "./page_lifecycle.mjs";

/** After the first start the page's own work goes first. */
const QUIET_MS = 3_000;

/**
 * @param {{base: string, soon: boolean}} options `soon`: without the quiet time
 * @param {(outcome: {outcome?: string, error?: string}) => void} told @returns {() => void} give it up
 */
export function makeSnapshotLater({ base, soon }, told) {
  /** @type {Worker | undefined} */ let worker;
  const end = () => {
    clearTimeout(timer);
    worker?.terminate();
    worker = undefined;
  };
  const begin = () => {
    worker = new Worker(new URL("snapshot_worker.mjs", base), { type: "module", name: "weft-snapshot" });
    worker.onmessage = ({ data }) => (end(), told(data));
    worker.onerror = (event) => (event.preventDefault(), end(), told({ error: event.message }));
    worker.postMessage({ base, scope: servedScope() });
  };
  const timer = setTimeout(() => whenIdle(begin), soon ? 0 : QUIET_MS);
  return end;
}

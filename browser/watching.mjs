/** Views that stay true: one run, or a list of runs, looked at again whenever something happened. For what shows them: React, the panel. */

/**
 * @typedef {import("./types.mjs").Run} Run
 * @typedef {import("./types.mjs").FramesView} FramesView
 * @typedef {import("./events.mjs").WeftEvent} WeftEvent
 *
 * @typedef {object} RunView
 * @property {Run | null} run null while it is not known
 * @property {WeftEvent[]} events all of its log, in order
 * @property {FramesView | null} frames if they were asked for
 * @property {Error | null} error why it cannot be looked at
 *
 * @typedef {{runs: Run[], more: boolean, loading: boolean, error: Error | null}} RunsView
 * @typedef {import("./verbs.mjs").Filter & {limit?: number}} RunsFilter
 */

/** @type {RunView} */ export const NO_RUN = { run: null, events: [], frames: null, error: null };
/** @type {RunsView} */ export const NO_RUNS = { runs: [], more: false, loading: true, error: null };

/** A busy engine is not asked for the same list more often than this. */
const REST_MS = 100;

/**
 * @param {import("./asking.mjs").Asking} weft @param {string} id @param {(view: RunView) => void} tell called on each change
 * @param {{frames?: boolean}} [options] whether its frames are read, too
 * @returns {() => void} stops at once, and leaves no tail behind
 */
export function watchRun(weft, id, tell, { frames = false } = {}) {
  const { signal, stop, update } = watch(NO_RUN, tell);
  /** @type {WeftEvent[]} */ const events = [];
  const look = coalesced(signal, async () => {
    const run = await weft.describe(id);
    const code = frames && !run.finished_at ? await weft.frames(id).catch(() => null) : null; // it may end between the two
    update({ run, frames: code, events: [...events], error: null });
  }, (error) => update({ error }));
  const readToItsEnd = async () => {
    for await (const event of weft.tail(id, { after: events.at(-1)?.seq ?? 0, signal })) {
      events.push(event);
      look();
    }
  };
  const follow = async () => {
    while (!signal.aborted) {
      await readToItsEnd();
      // It has ended, and may be put back or begun again: it is read once more when from then on none is missed.
      const { cursor } = await weft.call("events", { after: "now" }, 0);
      await readToItsEnd();
      for await (const event of weft.tail(null, { after: cursor, signal })) if (event.run_id === id) break;
    }
  };
  look();
  follow().catch((error) => update({ error }));
  return stop;
}

/**
 * @param {import("./asking.mjs").Asking} weft @param {RunsFilter} filter @param {(view: RunsView) => void} tell called on each change
 * @returns {() => void} stops at once, and leaves no tail behind
 */
export function watchRuns(weft, filter, tell) {
  const { signal, stop, update } = watch(NO_RUNS, tell);
  const look = coalesced(signal, async () => {
    const { items, cursor } = await weft.list(filter);
    update({ runs: items, more: cursor !== null, loading: false, error: null });
  }, (error) => update({ error, loading: false }));
  const follow = async () => {
    for await (const _ of news(weft, signal)) look();
  };
  look();
  follow().catch((error) => update({ error }));
  return stop;
}

/**
 * The events of all runs. First comes null, when from then on none is missed: what is looked at after that stays true. It comes again when
 * another engine answers, which may have another store: one that was imported, or that the user of an extension has chosen.
 * @param {import("./asking.mjs").Asking} weft @param {AbortSignal} signal @returns {AsyncGenerator<WeftEvent | null, void, void>}
 */
export async function* news(weft, signal) {
  while (!signal.aborted) {
    const turn = new AbortController();
    const end = () => turn.abort();
    signal.addEventListener("abort", end);
    const stop = weft.onleader(end);
    try {
      const { cursor } = await weft.call("events", { after: "now" }, 0);
      yield null;
      yield* weft.tail(null, { after: cursor, signal: turn.signal });
    } finally {
      stop();
      signal.removeEventListener("abort", end);
    }
  }
}

/** @template {object} View @param {View} view @param {(view: View) => void} tell */
function watch(view, tell) {
  const abort = new AbortController();
  const update = (/** @type {Partial<View>} */ change) => {
    if (abort.signal.aborted) return;
    view = { ...view, ...change };
    tell(view);
  };
  return { signal: abort.signal, stop: () => abort.abort(), update };
}

/**
 * One look at a time, and one more after it if it was asked for meanwhile.
 * @param {AbortSignal} signal @param {() => Promise<void>} work @param {(error: any) => void} failed
 */
export function coalesced(signal, work, failed) {
  let busy = false;
  let again = false;
  return async function run() {
    if (signal.aborted) return;
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    await work().catch((error) => signal.aborted || failed(error));
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    busy = false;
    if (!again) return;
    again = false;
    void run();
  };
}

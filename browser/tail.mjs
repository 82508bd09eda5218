/** Tails: history and live events joined into one gap-free sequence, which survives a change of the leader. */

const LAST = new Set(["run_completed", "run_failed", "run_cancelled", "run_timed_out", "run_terminated"]);

/**
 * @typedef {object} Source
 * @property {(id: string, options: {after: number}) => Promise<any[]>} history
 * @property {(filter: object) => Promise<{items: any[], cursor: string | null}>} list
 *
 * @typedef {{subscribe(listener: {event(event: any): void, leader(): void, closed(): void}): () => void}} Feed
 */

/** A queue that an async iterator waits on. */
class Inbox {
  constructor() {
    /** @type {any[]} */ this.items = [];
    this.ended = false;
    this.wake = () => {};
  }
  /** @param {any} item */
  put(item) {
    this.items.push(item);
    this.wake();
  }
  end() {
    this.ended = true;
    this.wake();
  }
  /** The next item, or undefined when it has ended. */
  async take() {
    while (!this.items.length && !this.ended) await new Promise((resolve) => (this.wake = () => resolve(undefined)));
    return this.items.shift();
  }
}

const CATCH_UP = Symbol("read the history again");

/** @param {Source} weft @param {Feed} feed @param {string} id @param {number} after @returns {AsyncGenerator<any, void, void>} */
export async function* tailRun(weft, feed, id, after) {
  const inbox = new Inbox();
  const stop = feed.subscribe({
    event: (event) => event.run_id === id && inbox.put(event),
    leader: () => inbox.put(CATCH_UP),
    closed: () => inbox.end(),
  });
  try {
    inbox.put(CATCH_UP);
    for (let item = await inbox.take(); item !== undefined; item = await inbox.take()) {
      if (item !== CATCH_UP && item.seq <= after) continue;
      const next = item !== CATCH_UP && item.seq === after + 1 ? [item] : missing(weft, id, after);
      for await (const event of next) {
        after = event.seq;
        yield event;
        if (LAST.has(event.type)) return;
      }
    }
  } finally {
    stop();
  }
}

/** All events after `after` that are stored by now. @param {Source} weft @param {string} id @param {number} after */
async function* missing(weft, id, after) {
  for (;;) {
    const page = await weft.history(id, { after });
    if (!page.length) return;
    yield* page;
    after = page[page.length - 1].seq;
  }
}

/** @param {Source} weft @param {Feed} feed @returns {AsyncGenerator<any, void, void>} */
export async function* tailAll(weft, feed) {
  const inbox = new Inbox();
  const began = Date.now();
  /** @type {Map<string, number>} the last number given out, by run */ const given = new Map();
  const stop = feed.subscribe({
    event: (event) => inbox.put(event),
    leader: () => inbox.put(CATCH_UP),
    closed: () => inbox.end(),
  });
  try {
    for (let item = await inbox.take(); item !== undefined; item = await inbox.take()) {
      const runs = item === CATCH_UP ? await unsettled(weft, given, began) : [item.run_id];
      if (item !== CATCH_UP && !given.has(item.run_id)) given.set(item.run_id, item.seq - 1);
      for (const id of runs) {
        const after = given.get(id) ?? 0;
        if (item !== CATCH_UP && item.seq <= after) continue;
        const next = item !== CATCH_UP && item.seq === after + 1 ? [item] : missing(weft, id, after);
        for await (const event of next) {
          given.set(id, event.seq);
          yield event;
        }
      }
    }
  } finally {
    stop();
  }
}

/**
 * Runs that may have moved while there was no leader: those seen before, and those begun since.
 * @param {Source} weft @param {Map<string, number>} given @param {number} began
 */
async function unsettled(weft, given, began) {
  const { items } = await weft.list({ limit: 200 });
  return [...new Set([...given.keys(), ...items.filter((run) => run.created_at >= began).map((run) => run.id)])];
}

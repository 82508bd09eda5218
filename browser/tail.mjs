/** Tails: history and live events joined into one gap-free sequence, which survives a change of the leader. */

const LAST = new Set(["run_completed", "run_failed", "run_cancelled", "run_timed_out", "run_terminated"]);

/**
 * @typedef {object} Source
 * @property {(page: {id: string, after: number}) => Promise<any[]>} history
 * @property {(page: {after: string}) => Promise<{events: any[], cursor: string, more: boolean}>} events
 *
 * @typedef {{subscribe(listener: {event(event: any): void, leader(): void, closed(): void}): () => void}} Feed
 */

/** The feed, which ends for this listener when the signal is aborted. @param {Feed} feed @param {AbortSignal | undefined} signal @returns {Feed} */
export function abortable(feed, signal) {
  if (!signal) return feed;
  return {
    subscribe(listener) {
      const stop = feed.subscribe(listener);
      if (signal.aborted) listener.closed();
      signal.addEventListener("abort", listener.closed);
      return () => {
        signal.removeEventListener("abort", listener.closed);
        stop();
      };
    },
  };
}

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
    const page = await weft.history({ id, after });
    if (!page.length) return;
    yield* page;
    after = page[page.length - 1].seq;
  }
}

/**
 * Events that come say that there is something to read; the feed says what, in which order, and where to go on.
 * @param {Source} weft @param {Feed} feed @param {string} after @returns {AsyncGenerator<any, void, void>}
 */
export async function* tailAll(weft, feed, after) {
  let news = true;
  let closed = false;
  let wake = () => {};
  const tell = () => {
    news = true;
    wake();
  };
  const stop = feed.subscribe({
    event: tell,
    leader: tell,
    closed: () => {
      closed = true;
      wake();
    },
  });
  try {
    while (!closed) {
      if (!news) await new Promise((resolve) => (wake = () => resolve(undefined)));
      news = false;
      for (let more = !closed; more; ) {
        const page = await weft.events({ after });
        yield* page.events;
        ({ cursor: after, more } = page);
      }
    }
  } finally {
    stop();
  }
}

/**
 * @template Item
 * @param {(after: number) => Promise<{items: Item[], cursor: number, ended: boolean}>} page of a stream; waits while there is nothing
 * @param {number} after @param {AbortSignal | undefined} signal @returns {AsyncGenerator<Item, void, void>}
 */
export async function* tailItems(page, after, signal) {
  let abort = () => {};
  /** @type {Promise<null>} */ const aborted = new Promise((resolve) => (abort = () => resolve(null)));
  signal?.addEventListener("abort", abort);
  try {
    for (let ended = signal?.aborted ?? false; !ended; ) {
      const read = await Promise.race([page(after), aborted]);
      if (!read) return;
      yield* read.items;
      ({ cursor: after, ended } = read);
    }
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

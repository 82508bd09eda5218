/**
 * A witness of the store, outside of IndexedDB: which one was here, and how far it had come. A store that comes back empty, or without its last
 * commits, is noticed by it. It lies in the Cache API of the same origin, which workers have too; a browser that evicts an origin usually takes both.
 */
const CACHE = "weft-witness";

/**
 * @typedef {[epoch: number, commits: number]} Position the store's owner record
 * @typedef {{storeId: string, position: Position, at: number, lost: import("./store_watch.mjs").Eviction | null}} Testimony
 */

/** By which name the store is witnessed: an extension has two of the same name. @param {{name: string, storage: string}} store */
export const witnessOf = ({ name, storage }) => (storage === "extension" ? `${name} in browser.storage` : name);

/** The cache of an extension takes no address of its own origin. @param {string} name of the store */
const address = (name) => new URL(`/weft-witness/${encodeURIComponent(name)}`, /^https?:/.test(location.origin) ? location.origin : "https://extension.invalid").href;

/** @param {string} name @param {(before: Testimony | null) => Testimony | null} change null: leave it @returns {Promise<Testimony | null>} */
async function testify(name, change) {
  try {
    const cache = await caches.open(CACHE);
    const after = change((await (await cache.match(address(name)))?.json()) ?? null);
    if (after) await cache.put(address(name), Response.json(after));
    return after;
  } catch (error) { // no Cache API: plain http, a private window; or no room in it
    console.warn("weft: nothing witnesses the store:", error);
    return null;
  }
}

/**
 * Compare the store that was opened with what was seen before, and write down what is seen now.
 * @param {string} name @param {{storeId: string, epoch: number, found: Position | null}} store `found`: where it was before it was opened
 * @param {boolean} wished that it is another one is the user's wish
 * @returns {Promise<import("./store_watch.mjs").Eviction | null>} what is gone; said again until it is dismissed
 */
export async function witnessed(name, { storeId, epoch, found }, wished) {
  const now = await testify(name, (before) => {
    const lost = before && !wished ? compare(before, storeId, found) : null;
    return { storeId, position: [epoch, 0], at: Date.now(), lost };
  });
  return now?.lost ?? null;
}

/** The store has come so far. @param {string} name @param {Position} position */
export const note = (name, position) => testify(name, (before) => before && { ...before, position, at: Date.now() });

/** The user knows. @param {string} name */
export const dismiss = (name) => testify(name, (before) => before && { ...before, lost: null });

/** @param {Testimony} before @param {string} storeId @param {Position | null} found */
function compare(before, storeId, found) {
  const [epoch, commits] = before.position;
  if (before.storeId !== storeId) return { what: /** @type {const} */ ("replaced"), storeId: before.storeId, seenAt: before.at };
  if (!found || found[0] < epoch || (found[0] === epoch && found[1] < commits)) return { what: /** @type {const} */ ("rolled-back"), storeId, seenAt: before.at };
  return before.lost;
}

/**
 * Which build each open tab belongs to. A tab that outlives an update goes on with the files it began with, so their cache is kept until it is
 * gone, and what it asks for comes from there.
 *
 * A Service Worker forgets everything when it is stopped: the ledger lies in the cache of the build that is active.
 */
import { cachesOf, worker } from "./site.mjs";

/**
 * @typedef {import("./site.mjs").Site} Site
 * @typedef {{at: number, older: Record<string, string>}} Ledger since when the build is active, and the caches of clients of older builds by their ids
 */

/** @param {Site} site */
const place = (site) => new URL("weft/.ledger", site.scope);

/** @type {Promise<Ledger> | null} */ let known = null;

/** @param {Site} site @param {string} cache @returns {Promise<Ledger | null>} */
async function readLedger(site, cache) {
  const found = await caches.match(place(site), { cacheName: cache });
  return found ? found.json() : null;
}

/** @param {Site} site */
function ledgerOf(site) {
  known ??= readLedger(site, site.cache).then((found) => found ?? { at: 0, older: {} });
  return known;
}

/** @param {Site} site @param {Ledger} ledger */
async function write(site, ledger) {
  known = Promise.resolve(ledger);
  await (await caches.open(site.cache)).put(place(site), Response.json(ledger));
}

/** This build takes over: the tabs that are open stay with the build they have. @param {Site} site */
export async function takeOver(site) {
  /** @type {Record<string, string>} */ const older = {};
  const others = (await cachesOf(site)).filter((name) => name !== site.cache);
  const ledgers = await Promise.all(others.map((name) => readLedger(site, name)));
  // The one that was active last; a build of protocol 1 kept no ledger, and was alone.
  const last = others.map((name, i) => ({ name, ledger: ledgers[i], at: ledgers[i]?.at ?? 0 })).sort((a, b) => a.at - b.at).pop();
  if (last) {
    for (const client of await worker.clients.matchAll({ type: "all" })) older[client.id] = last.ledger?.older[client.id] ?? last.name;
  }
  await write(site, { at: Date.now(), older });
  await sweep(site);
}

/** The cache that answers a request. @param {Site} site @param {FetchEvent} event @returns {Promise<string>} */
export async function cacheFor(site, event) {
  if (event.request.mode === "navigate") {
    event.waitUntil(sweep(site));
    return site.cache;
  }
  const ledger = await ledgerOf(site);
  const cache = ledger.older[event.clientId];
  if (!cache || !(await caches.has(cache))) return site.cache;
  if (event.resultingClientId) { // a worker of such a tab
    ledger.older[event.resultingClientId] = cache;
    event.waitUntil(write(site, ledger));
  }
  return cache;
}

/** Remove the caches of builds that no client has any more. @param {Site} site */
async function sweep(site) {
  if (worker.registration.installing || worker.registration.waiting) return; // one of the caches is that of a build that is to come
  const ledger = await ledgerOf(site);
  for (const id of Object.keys(ledger.older)) if (!(await worker.clients.get(id))) delete ledger.older[id];
  const used = new Set([site.cache, ...Object.values(ledger.older)]);
  const unused = (await cachesOf(site)).filter((name) => !used.has(name));
  if (unused.length) await write(site, ledger);
  await Promise.all(unused.map((name) => caches.delete(name)));
}

/**
 * The stores of this site, with what it takes to open an engine on each. Pages write them down when they have opened one, so that the Service
 * Worker can drive due runs while no page is there to tell it. Kept in a cache, which both can reach.
 */

/** @typedef {Pick<import("../browser/engine_host.mjs").HostOptions, "name" | "base" | "durability" | "server" | "workflows" | "activities" | "loopLimit">} KnownStore */

/** @param {string} scope URL */
const cacheOf = (scope) => caches.open(`weft-stores:${new URL(scope).pathname}`);

/** @param {string} scope URL of the Service Worker's scope @param {KnownStore} options */
export async function rememberStore(scope, options) {
  const cache = await cacheOf(scope);
  await cache.put(keyOf(scope, options.name), new Response(JSON.stringify(options), { headers: { "Content-Type": "application/json" } }));
}

/** @param {string} scope @param {string} name */
export async function forgetStore(scope, name) {
  await (await cacheOf(scope)).delete(keyOf(scope, name));
}

/** @param {string} scope @returns {Promise<KnownStore[]>} */
export async function knownStores(scope) {
  const cache = await cacheOf(scope);
  const found = await Promise.all((await cache.keys()).map((request) => cache.match(request)));
  return Promise.all(found.flatMap((response) => (response ? [response.json()] : [])));
}

/** @param {string} scope @param {string} name */
const keyOf = (scope, name) => new URL(`weft/stores/${encodeURIComponent(name)}`, scope);

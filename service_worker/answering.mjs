/** Answers the requests of a site's pages and workers from the cache of the build that each of them belongs to. */
import { verify } from "../browser/assets.mjs";
import { cacheFor } from "./builds.mjs";
import { fetchInto, listedIn } from "./precache.mjs";

/** Larger files are Python's, which the worker that loads them checks itself, and in parts that it need not wait for. */
const CHECKED_BYTES = 1_000_000;

/** @typedef {import("./site.mjs").Site} Site */

/** @param {Site} site @param {FetchEvent} event @param {URL} url within the scope */
export async function answer(site, event, url) {
  const name = await cacheFor(site, event);
  const cache = await opened(name);
  const path = url.pathname.endsWith("/") ? `${url.pathname}index.html` : url.pathname;
  const found = await cache.match(new URL(path, site.scope), { ignoreSearch: true, ignoreVary: true });
  if (found) return whole(site, name, cache, path.slice(site.scope.pathname.length), found);
  try {
    return await fetch(event.request);
  } catch (error) {
    const page = event.request.mode === "navigate" ? await cache.match(new URL("index.html", site.scope)) : undefined;
    if (page) return page;
    throw error;
  }
}

/** @type {Map<string, Promise<Cache>>} */ const known = new Map();

/** @param {string} name */
function opened(name) {
  let cache = known.get(name);
  if (!cache) {
    known.set(name, (cache = caches.open(name)));
    cache.catch(() => known.delete(name)); // may be better next time
  }
  return cache;
}

/** @type {Map<string, Promise<Map<string, import("../browser/assets.mjs").Asset>>>} by name of the cache */ const lists = new Map();

/** @param {Site} site @param {string} name @param {Cache} cache */
function listed(site, name, cache) {
  let list = lists.get(name);
  if (!list) lists.set(name, (list = listedIn(cache, site)));
  return list;
}

/**
 * What is kept may have been changed since: what does not match its hash is fetched again, or refused by name.
 * @param {Site} site @param {string} name @param {Cache} cache @param {string} path @param {Response} found
 */
async function whole(site, name, cache, path, found) {
  const asset = (await listed(site, name, cache)).get(decodeURI(path));
  if (!asset || asset.size > CHECKED_BYTES) return found;
  try {
    const bytes = await found.arrayBuffer();
    await verify(asset, bytes);
    return new Response(bytes, { headers: found.headers });
  } catch (damage) {
    console.error(`weft: in the cache, ${damage instanceof Error ? damage.message : damage}`);
    return fetchInto(site, cache, asset).catch(() => new Response(String(damage), { status: 502, statusText: "damaged in the cache" }));
  }
}

/** Fills the cache of a build: each file by its hash, from the cache of another build where that has it, else from the server. */
import { AssetError, sha256, verify } from "../browser/assets.mjs";
import { cachesOf } from "./site.mjs";

/**
 * @typedef {import("../browser/assets.mjs").Asset} Asset
 * @typedef {import("./site.mjs").Site} Site
 */

const MANIFEST = "weft/manifest.json";

/** Resolves when the cache is whole; rejects with an AssetError that names what is missing or damaged. @param {Site} site */
export async function install(site) {
  const cache = await caches.open(site.cache);
  const { bytes, headers } = await download(site, MANIFEST, "no-cache");
  if ((await sha256(bytes)) !== site.manifestSha256) throw new AssetError(MANIFEST, "does not belong to this sw.mjs");
  const old = await Promise.all((await cachesOf(site)).map((name) => caches.open(name)));
  await Promise.all(assetsIn(bytes).map((asset) => precache(site, cache, old, asset)));
  await keep(site, cache, MANIFEST, bytes, headers); // last: a cache with a manifest is a whole one
}

/** @param {ArrayBuffer} manifest @returns {Asset[]} */
function assetsIn(manifest) {
  return JSON.parse(new TextDecoder().decode(manifest)).assets;
}

/** What a whole cache should hold, by path. @param {Cache} cache @param {Site} site @returns {Promise<Map<string, Asset>>} */
export async function listedIn(cache, site) {
  const found = await cache.match(new URL(MANIFEST, site.scope));
  return new Map(found ? assetsIn(await found.arrayBuffer()).map((asset) => [asset.path, asset]) : []);
}

/**
 * Documents and workers: the policy that came with them holds, and the site may have changed it since. They come whole from the server: to a
 * 304 Chromium keeps the Content-Security-Policy that it had.
 */
const BEARS_POLICY = /(\.html|worker\.mjs)$/;

/** @param {Site} site @param {Cache} cache @param {Cache[]} old caches of other builds, which may have the same file @param {Asset} asset */
async function precache(site, cache, old, asset) {
  for (const source of BEARS_POLICY.test(asset.path) ? [cache] : [cache, ...old]) {
    const found = await source.match(new URL(asset.path, site.scope));
    const bytes = await found?.arrayBuffer();
    if (!found || !bytes || bytes.byteLength !== asset.size || (await sha256(bytes)) !== asset.sha256) continue;
    return keep(site, cache, asset.path, bytes, found.headers);
  }
  await fetchInto(site, cache, asset);
}

/** @param {Site} site @param {Cache} cache @param {Asset} asset @returns {Promise<Response>} what is in the cache then */
export async function fetchInto(site, cache, asset) {
  const first = await download(site, asset.path, BEARS_POLICY.test(asset.path) ? "reload" : "default");
  // The HTTP cache may hold the file of the build before: ask the server itself before calling it damaged.
  const { bytes, headers } = await verify(asset, first.bytes).then(() => first, () => download(site, asset.path, "reload"));
  await verify(asset, bytes);
  return keep(site, cache, asset.path, bytes, headers);
}

/** @param {Site} site @param {string} path @param {RequestCache} mode */
async function download(site, path, mode) {
  const response = await fetch(new URL(path, site.scope), { cache: mode }).catch((error) => {
    throw new AssetError(path, `cannot be loaded (${error.message})`);
  });
  if (!response.ok) throw new AssetError(path, `is missing (HTTP ${response.status})`);
  return { bytes: await response.arrayBuffer(), headers: response.headers };
}

/** @type {Record<string, string>} */
const TYPES = {
  mjs: "text/javascript", js: "text/javascript", wasm: "application/wasm", json: "application/json", html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8", svg: "image/svg+xml", png: "image/png", py: "text/plain; charset=utf-8", zip: "application/zip",
  webmanifest: "application/manifest+json", ico: "image/x-icon",
};

/** What a server says of how its pages and workers are to be treated holds for them offline, too. */
const POLICIES = [
  "Content-Security-Policy", "Cross-Origin-Embedder-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Origin-Agent-Cluster",
  "Permissions-Policy", "Referrer-Policy", "X-Content-Type-Options", "X-Frame-Options",
];

/** @param {Site} site @param {Cache} cache @param {string} path @param {ArrayBuffer} bytes @param {Headers} given by the server */
async function keep(site, cache, path, bytes, given) {
  const type = TYPES[path.split(".").pop() ?? ""] ?? "application/octet-stream";
  const headers = new Headers({ "Content-Type": type, "Content-Length": String(bytes.byteLength) });
  for (const name of POLICIES) {
    const value = given.get(name);
    if (value !== null) headers.set(name, value);
  }
  const response = new Response(bytes, { headers });
  await cache.put(new URL(path, site.scope), response.clone());
  return response;
}

/**
 * The Service Worker of a built site: serves the page, Python and the workflows with the server gone, and hosts the store. It holds no state.
 *
 * The builder puts the build's id and the hash of its manifest here, so a new build is a new Service Worker. It fills a cache of its own and
 * waits until no tab uses the old one; a page may post {t: "activate"} to change over at once.
 */
import { AssetError, sha256, verify } from "../browser/assets.mjs";
import { serveStore } from "./store_host.mjs";

const BUILD = "@WEFT_BUILD@";
const MANIFEST_SHA256 = "@WEFT_MANIFEST_SHA256@";
const PREFIX = `weft:${new URL(/** @type {any} */ (self).registration.scope).pathname}:`; // sites of one origin share a cache space
const CACHE = PREFIX + BUILD;
const worker = /** @type {ServiceWorkerGlobalScope & typeof globalThis} */ (/** @type {unknown} */ (self));
const scope = new URL(worker.registration.scope);

worker.addEventListener("install", (event) => event.waitUntil(install()));
worker.addEventListener("activate", (event) => event.waitUntil(activate()));
worker.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || !url.href.startsWith(scope.href)) return;
  event.respondWith(answer(event.request, url));
});
worker.addEventListener("message", (event) => {
  if (event.data?.t === "store-port") serveStore(event.ports[0]);
  else if (event.data?.t === "activate") event.waitUntil(worker.skipWaiting());
  else if (event.data?.t === "build") event.ports[0].postMessage({ build: BUILD });
});

async function install() {
  const cache = await caches.open(CACHE);
  const bytes = await download("weft/manifest.json", "no-cache");
  if ((await sha256(bytes)) !== MANIFEST_SHA256) throw new AssetError("weft/manifest.json", "does not belong to this sw.mjs");
  /** @type {import("../browser/assets.mjs").Manifest} */ const manifest = JSON.parse(new TextDecoder().decode(bytes));
  const old = await Promise.all((await caches.keys()).filter((name) => name.startsWith(PREFIX)).map((name) => caches.open(name)));
  await Promise.all(manifest.assets.map((asset) => precache(cache, old, asset)));
  await keep(cache, "weft/manifest.json", bytes); // last: a cache with a manifest is a whole one
}

/** @param {Cache} cache @param {Cache[]} old caches of other builds, which may have the same file @param {import("../browser/assets.mjs").Asset} asset */
async function precache(cache, old, asset) {
  for (const source of [cache, ...old]) {
    const found = await source.match(new URL(asset.path, scope));
    const bytes = await found?.arrayBuffer();
    if (bytes && bytes.byteLength === asset.size && (await sha256(bytes)) === asset.sha256) return keep(cache, asset.path, bytes);
  }
  const bytes = await download(asset.path, "default");
  // The HTTP cache may hold the file of the build before: ask the server itself before calling it damaged.
  const fresh = await verify(asset, bytes).then(() => bytes, () => download(asset.path, "reload"));
  await verify(asset, fresh);
  await keep(cache, asset.path, fresh);
}

/** @param {string} path @param {RequestCache} mode */
async function download(path, mode) {
  const response = await fetch(new URL(path, scope), { cache: mode }).catch((error) => {
    throw new AssetError(path, `cannot be loaded (${error.message})`);
  });
  if (!response.ok) throw new AssetError(path, `is missing (HTTP ${response.status})`);
  return response.arrayBuffer();
}

/** @type {Record<string, string>} */
const TYPES = {
  mjs: "text/javascript", js: "text/javascript", wasm: "application/wasm", json: "application/json", html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8", svg: "image/svg+xml", png: "image/png", py: "text/plain; charset=utf-8", zip: "application/zip",
  webmanifest: "application/manifest+json", ico: "image/x-icon",
};

/** @param {Cache} cache @param {string} path @param {ArrayBuffer} bytes */
function keep(cache, path, bytes) {
  const type = TYPES[path.split(".").pop() ?? ""] ?? "application/octet-stream";
  return cache.put(new URL(path, scope), new Response(bytes, { headers: { "Content-Type": type, "Content-Length": String(bytes.byteLength) } }));
}

async function activate() {
  const names = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== CACHE);
  await Promise.all(names.map((name) => caches.delete(name)));
  await worker.clients.claim(); // so that the first visit already works offline
}

/** @param {Request} request @param {URL} url */
async function answer(request, url) {
  const cache = await caches.open(CACHE);
  const path = url.pathname.endsWith("/") ? `${url.pathname}index.html` : url.pathname;
  const found = await cache.match(new URL(path, scope), { ignoreSearch: true, ignoreVary: true });
  if (found) return found;
  try {
    return await fetch(request);
  } catch (error) {
    const page = request.mode === "navigate" ? await cache.match(new URL("index.html", scope)) : undefined;
    if (page) return page;
    throw error;
  }
}

/** What a Service Worker knows of itself: its scope, and the names of its build's cache and of those of other builds. */

export const worker = /** @type {ServiceWorkerGlobalScope & typeof globalThis} */ (/** @type {unknown} */ (self));

/**
 * @typedef {object} Site
 * @property {string} build
 * @property {string} manifestSha256 of the manifest that lists its files
 * @property {URL} scope
 * @property {string} prefix of all caches of this site: sites of one origin share a cache space
 * @property {string} cache of this build
 */

/** @param {string} build @param {string} manifestSha256 @returns {Site} */
export function siteOf(build, manifestSha256) {
  const scope = new URL(worker.registration.scope);
  const prefix = `weft:${scope.pathname}:`;
  return { build, manifestSha256, scope, prefix, cache: prefix + build };
}

/** The caches of all builds of this site, the oldest first. @param {Site} site @returns {Promise<string[]>} */
export async function cachesOf(site) {
  return (await caches.keys()).filter((name) => name.startsWith(site.prefix));
}

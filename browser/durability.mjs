/** What only the page can ask the browser: to keep the store. */

/**
 * Ask the browser never to evict this site's data. Firefox asks the user, and wants that to happen upon a click.
 * @returns {Promise<boolean | null>} whether it promised; null where it cannot be asked (plain http, WebKitGTK)
 */
export async function persist() {
  const promised = await navigator.storage?.persist?.().catch(() => false);
  return promised ?? persisted();
}

/** An extension with this permission is exempt from eviction, though Chromium's persisted() does not say so. */
const KEPT = "unlimitedStorage";

/** Whether it promised before. @returns {Promise<boolean | null>} */
export async function persisted() {
  const extension = /** @type {any} */ (globalThis).chrome?.runtime?.getManifest?.(); // no page of the web has it
  if (extension?.permissions?.includes(KEPT)) return true;
  return (await navigator.storage?.persisted?.().catch(() => null)) ?? null;
}

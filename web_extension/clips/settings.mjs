/** What the user has chosen, in browser.storage.local. */
import { api } from "../engine/api.mjs";

/** @typedef {{webhook: string, review: boolean, storage: "indexeddb" | "extension"}} Settings `webhook`: where clips are delivered; "": nowhere */

/** @type {Settings} */
const DEFAULTS = { webhook: "", review: true, storage: "indexeddb" };

/** @returns {Promise<Settings>} */
export async function readSettings() {
  const { settings } = await api.storage.local.get("settings");
  return { ...DEFAULTS, ...settings };
}

/** @param {Partial<Settings>} change @returns {Promise<Settings>} */
export async function writeSettings(change) {
  if (change.webhook && !/^https?:$/.test(protocolOf(change.webhook))) throw new TypeError("the webhook is an address that begins with https:// or http://");
  const settings = { ...(await readSettings()), ...change };
  await api.storage.local.set({ settings });
  return settings;
}

/** @param {string} url */
function protocolOf(url) {
  try {
    return new URL(url).protocol;
  } catch {
    return "";
  }
}

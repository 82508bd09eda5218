/** Which of the two stores the engine has, and the way to it: IndexedDB, or browser.storage.local, as the user has chosen. */
import { api } from "./api.mjs";
import { StoreHost } from "./store/store_host.mjs";
import { portToBackground } from "./store/store_port.mjs";

/** Of the background; other pages have no use for it. */
export const storeHost = new StoreHost(api.runtime, api.storage?.local);

/** Of the item "settings", which may have nothing about it. @param {any} settings @returns {"indexeddb" | "extension"} */
const storageOf = (settings) => (settings?.storage === "extension" ? "extension" : "indexeddb");

/** @returns {Promise<"indexeddb" | "extension">} */
export async function chosenStorage() {
  return storageOf((await api.storage.local.get("settings")).settings);
}

/** The engine goes on with the other store; the runs of this one wait there. Called in the background's first turn. @param {() => void} changed */
export function onStorageChosen(changed) {
  api.storage.onChanged.addListener((/** @type {any} */ { settings }, /** @type {string} */ area) => {
    if (area === "local" && settings && storageOf(settings.newValue) !== storageOf(settings.oldValue)) changed();
  });
}

/** For Weft.open(), in the page of the engine: Chromium's offscreen document has no storage and asks the background, Firefox's is the background. */
export async function storageOptions() {
  const chosen = api.storage ? await chosenStorage() : (await api.runtime.sendMessage({ t: "storage" })).ok;
  if (chosen !== "extension") return {};
  return { storage: chosen, storagePort: api.storage ? async () => storeHost.port() : portToBackground(api.runtime) };
}

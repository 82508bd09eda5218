/** What is Clip later's own in the background: its context menu, and what it may be asked. What is in engine/ serves any extension. */
import { api } from "./engine/api.mjs";
import { clipState, startClip } from "./clips/clips.mjs";
import { clipFromMenu, clipTab, makeMenus } from "./clips/menus.mjs";

/** Called in the background's first turn. @param {() => Promise<void>} wake */
export function listen(wake) {
  api.runtime.onInstalled.addListener(makeMenus);
  api.runtime.onStartup.addListener(makeMenus); // a Firefox that crashed soon after the installation has not kept them
  api.contextMenus.onClicked.addListener((/** @type {any} */ info, /** @type {any} */ tab) => void clipFromMenu(info, tab).then(wake));
}

/** @typedef {import("./engine/messages.mjs").Handlers} Handlers */

/** Each leaves something for the engine, which is woken then. @type {Record<import("./engine/senders.mjs").From, Handlers>} */
export const asked = {
  extension: {
    "clip-tab": async ({ tabId, id }) => clipTab(tabId ?? (await api.tabs.query({ active: true, currentWindow: true }))[0].id, "page", id),
    "clip-link": ({ url, id }) => startClip({ url: String(url), kind: "link" }, id),
  },
  content: {
    // What such a script says of itself may be false; where it is, the browser tells.
    "clip-state": ({ id }, sender) => clipState(String(id), sender.url),
    clip: ({ title, html }, sender) => startClip({ url: sender.url, title: String(title ?? ""), html: String(html ?? ""), kind: "page" }),
  },
};

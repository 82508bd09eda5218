/** The context menu: a page, a selection, or a link. */
import { api } from "../engine/api.mjs";
import { startClip } from "./clips.mjs";
import { capture } from "./capture.mjs";

const MENUS = [
  { id: "page", title: "Clip this page later", contexts: ["page"] },
  { id: "selection", title: "Clip this selection later", contexts: ["selection"] },
  { id: "link", title: "Clip the linked page later", contexts: ["link"] },
];
const WEB = ["http://*/*", "https://*/*"];

export async function makeMenus() {
  await api.contextMenus.removeAll();
  for (const menu of MENUS) api.contextMenus.create({ ...menu, documentUrlPatterns: WEB }, () => void api.runtime.lastError); // the same, made twice at once
}

/** @param {{menuItemId: string, linkUrl?: string}} info @param {{id: number}} tab @returns {Promise<string>} the run's id */
export async function clipFromMenu({ menuItemId, linkUrl }, tab) {
  return menuItemId === "link" ? startClip({ url: String(linkUrl), kind: "link" }) : clipTab(tab.id, menuItemId === "selection" ? "selection" : "page");
}

/** @param {number} tabId @param {"page" | "selection"} kind @param {string} [id] @returns {Promise<string>} the run's id */
export async function clipTab(tabId, kind, id) {
  const [{ result }] = await api.scripting.executeScript({ target: { tabId }, func: capture, args: [kind] });
  return startClip({ ...result, kind }, id);
}

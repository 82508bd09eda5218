/** Who has sent a message. The browser fills in a sender, a page cannot. */
import { api } from "./api.mjs";

/** @typedef {"extension" | "content"} From a page of this extension; a script of this extension in somebody's page, which that page may have deceived */

/** @param {{id?: string, url?: string, origin?: string, tab?: object}} sender @returns {From | null} null: nobody who may speak to us */
export function whoIs(sender) {
  if (sender.id !== api.runtime.id || typeof sender.url !== "string") return null;
  if (sender.url.startsWith(api.runtime.getURL(""))) return "extension";
  return sender.tab && /^https?:/.test(sender.url) ? "content" : null;
}

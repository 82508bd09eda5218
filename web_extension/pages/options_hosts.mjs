/** Says, and has a button for it, that the browser does not let the extension reach web sites. */
import { api } from "../engine/api.mjs";
import { askForHosts, mayReachHosts } from "../engine/hosts.mjs";

/** @param {HTMLElement} section hidden while there is nothing to say @param {HTMLButtonElement} allow */
export function showHosts(section, allow) {
  const show = async () => void (section.hidden = await mayReachHosts());
  allow.onclick = () => void askForHosts();
  api.permissions.onAdded.addListener(show);
  api.permissions.onRemoved.addListener(show);
  void show();
}

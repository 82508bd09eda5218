/**
 * The permission to reach every web site. Browsers grant it with the installation; the user may take it away in the browser's settings of the
 * extension and give it back. Without it a request needs the consent of its server (CORS), and waits as for any other that fails.
 */
import { leave } from "../weft/left_calls.mjs";
import { api } from "./api.mjs";
import { STORE } from "../workflows.mjs";

const hosts = () => ({ origins: api.runtime.getManifest().host_permissions ?? [] });

/** @returns {Promise<boolean>} */
export const mayReachHosts = () => api.permissions.contains(hosts());

/** The browser asks the user: only upon a click. @returns {Promise<boolean>} */
export const askForHosts = () => api.permissions.request(hosts());

/** What waits for the permission need not wait for its next attempt. @param {() => Promise<void>} wake */
export function listenForHosts(wake) {
  api.permissions.onAdded.addListener(async () => {
    await leave(STORE, { id: "permission", method: "wake", params: { retry: true } });
    await wake();
  });
}

/** Speaking to the tabs of the site. */
import { PROTOCOL } from "../browser/protocol.mjs";
import { worker } from "./site.mjs";

/** Those that are open. */
export async function tabs() {
  const clients = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  return clients.filter((client) => client.url.startsWith(worker.registration.scope));
}

/** @param {object} message @returns {Promise<number>} how many tabs it was sent to */
export async function tell(message) {
  const open = await tabs();
  for (const tab of open) tab.postMessage({ v: PROTOCOL, ...message });
  return open.length;
}

/**
 * It may be time to look at what is due: a hint, and the tab that leads does the rest.
 * @param {string} reason "sync", "push", "periodicsync"
 * @returns {Promise<number>} how many tabs it was sent to
 */
export function wake(reason) {
  return tell({ t: "wake", reason });
}

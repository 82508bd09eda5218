/**
 * What a page may ask of the Service Worker. Any page of the origin can reach it, so who asks is looked at first: only windows within the scope
 * are answered. Others are refused, and the site's own pages are told.
 */
import { mismatch, outdated, PROTOCOL } from "../browser/protocol.mjs";
import { worker } from "./site.mjs";
import { serveStore } from "./store_host.mjs";
import { tell } from "./waking.mjs";

/** @typedef {import("./site.mjs").Site} Site */

/** @type {Record<string, (site: Site, event: ExtendableMessageEvent) => void>} */
const HANDLERS = {
  "store-port": (_site, event) => event.waitUntil(serveStore(event.ports[0], event.data.v)),
  activate: (_site, event) => event.waitUntil(worker.skipWaiting()),
  build: (site, event) => event.ports[0].postMessage({ v: event.data.v, build: site.build }),
};
const WITH_PORT = new Set(["store-port", "build"]);

/** @param {Site} site @param {ExtendableMessageEvent} event */
export function heard(site, event) {
  const reason = whyNot(site, event);
  if (reason === null) HANDLERS[event.data.t](site, event);
  else event.waitUntil(refuse(event, reason));
}

/** @param {Site} site @param {ExtendableMessageEvent} event @returns {{code: string, message: string, facts: object} | null} */
function whyNot(site, event) {
  const { data, source, origin } = event;
  const type = typeof data?.t === "string" ? data.t : "?";
  const refused = (/** @type {string} */ why) => ({
    code: "MessageRefusedError", message: `the service worker of ${site.scope.href} refused the message "${type}": ${why}`, facts: { type },
  });
  if (!(source instanceof WindowClient)) return refused("it comes from no window");
  if (origin !== site.scope.origin || !source.url.startsWith(site.scope.href)) return refused(`it comes from ${source.url}, outside of the scope`);
  if (!Object.hasOwn(HANDLERS, type)) return refused("it is of no known type");
  if (outdated(data.v) || data.v > PROTOCOL) return mismatch(data.v, "the service worker");
  if (WITH_PORT.has(type) && !event.ports[0]) return refused("it brings no port to answer through");
  return null;
}

/** @param {ExtendableMessageEvent} event @param {{code: string, message: string, facts: object}} error */
async function refuse(event, error) {
  console.warn(`weft: ${error.message}`);
  event.ports[0]?.postMessage({ v: PROTOCOL, error });
  await tell({ t: "refused", error });
}

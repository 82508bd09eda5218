/**
 * In the place of sw.mjs: the Service Worker that ends the use of a Service Worker. It takes over at once, deletes the caches of the site and
 * unregisters itself. It deletes no store: the runs stay where they are. Tabs that are open go on, and their stores are served until they close.
 */
import { heard } from "./messages.mjs";
import { cachesOf, siteOf, worker } from "./site.mjs";

const site = siteOf("removed", "");

worker.addEventListener("install", (event) => event.waitUntil(worker.skipWaiting()));
worker.addEventListener("activate", (event) => event.waitUntil(remove()));
worker.addEventListener("message", (event) => heard(site, event));

async function remove() {
  const path = site.scope.pathname;
  const besides = (await caches.keys()).filter((name) => name === `weft-stores:${path}` || name.startsWith(`weft-python:${path}`));
  for (const name of [...(await cachesOf(site)), ...besides]) await caches.delete(name);
  await worker.registration.unregister();
}

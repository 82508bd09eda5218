/**
 * The Service Worker of a built site: serves the page, Python and the workflows with the server gone, hosts the store, passes hints on to the
 * tabs, and drives runs itself when no tab leads. It holds no state.
 *
 * The builder puts the build's id and the hash of its manifest here, so a new build is a new Service Worker. It fills a cache of its own and
 * waits until no tab uses the old one; a page may post {v, t: "activate"} to change over at once.
 */
import { reviewNotice, showReview } from "../browser/review_notice.mjs";
import { answer } from "./answering.mjs";
import { allDone, goOn } from "./background.mjs";
import { takeOver } from "./builds.mjs";
import { decide, openReview } from "./deciding.mjs";
import { heard } from "./messages.mjs";
import { install } from "./precache.mjs";
import { siteOf, worker } from "./site.mjs";
import { tell } from "./waking.mjs";

const site = siteOf("@WEFT_BUILD@", "@WEFT_MANIFEST_SHA256@");

worker.addEventListener("install", (event) => event.waitUntil(install(site).catch(async (error) => {
  await tell({ t: "not-installed", error: { code: error.name, message: error.message, facts: error.facts ?? {} } });
  throw error;
})));
worker.addEventListener("activate", (event) => {
  event.waitUntil(takeOver(site).then(() => worker.clients.claim())); // so that the first visit already works offline
});
worker.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method === "GET" && url.href.startsWith(site.scope.href)) event.respondWith(answer(site, event, url));
});
worker.addEventListener("message", (event) => heard(site, event));
worker.addEventListener("push", (event) => event.waitUntil(pushed(event)));
worker.addEventListener("notificationclick", (event) => event.waitUntil(clicked(event)));
worker.addEventListener("sync", (event) => /** @type {ExtendableEvent} */ (event).waitUntil(goOn(site, "sync").then(allDone))); // Chromium sends it again
worker.addEventListener("periodicsync", (event) => /** @type {ExtendableEvent} */ (event).waitUntil(goOn(site, "periodicsync")));

/** A push message is a hint, and may ask for a review. @param {PushEvent} event */
async function pushed(event) {
  const message = messageOf(event);
  const notice = reviewNotice(message);
  try {
    if (notice) await showReview(worker.registration, notice, message);
    else if (message?.title) await worker.registration.showNotification(message.title, { body: message.body });
  } finally { // the user may have taken the permission away
    await goOn(site, "push");
  }
}

/** @param {PushEvent} event @returns {any} */
function messageOf(event) {
  try {
    return event.data?.json();
  } catch {
    return null; // a bare hint
  }
}

/** @param {NotificationEvent} event */
async function clicked({ notification, action }) {
  const notice = reviewNotice(notification.data);
  notification.close();
  if (!notice) return;
  if (await decide(notice, action)) await goOn(site, "review");
  else await openReview(notice);
}

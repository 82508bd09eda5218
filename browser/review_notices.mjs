/** Asks for reviews in notifications, with Approve and Reject on them: for when nobody looks at the page. */
import { showReview, tagOf } from "./review_notice.mjs";

/**
 * @typedef {object} NoticeOptions
 * @property {(review: any) => {title?: string, body?: string}} [text] what a notification says
 * @property {string} [reviewer] ask only for this reviewer's, and decide in this name
 * @property {string} [url] of the page that shows a review, relative to the Service Worker's scope
 */

const ASKED = "review_requested";

/**
 * Show a notification for each pending review, and for each one that is asked for later. The browser asks the user for permission, which it does
 * only after a click.
 * @param {import("./client.mjs").Weft} weft @param {string} store @param {Promise<ServiceWorkerRegistration | null>} registration @param {NoticeOptions} options
 * @returns {Promise<NotificationPermission>}
 */
export async function noticeReviews(weft, store, registration, options) {
  const permission = await Notification.requestPermission();
  const worker = await registration;
  if (permission !== "granted" || !worker) return permission;
  const watching = async () => {
    const { cursor } = await weft.call("events", { after: "now" }, 0); // before those that are pending are read: none falls between the two
    await showPending(weft, store, worker, options);
    for await (const event of weft.tail(null, { after: cursor })) if (event.type === ASKED) await showPending(weft, store, worker, options);
  };
  watching().catch((error) => console.warn("weft: reviews are no longer shown in notifications:", error));
  return permission;
}

/** @param {import("./client.mjs").Weft} weft @param {string} store @param {ServiceWorkerRegistration} worker @param {NoticeOptions} options */
async function showPending(weft, store, worker, { text, reviewer, url }) {
  const shown = new Set((await worker.getNotifications()).map((notification) => notification.tag));
  const { items } = await weft.reviews({ status: "pending", ...(reviewer && { reviewer }) });
  for (const review of items) {
    if (shown.has(tagOf(review.id))) continue;
    const notice = { store, review: review.id, ...(reviewer && { reviewer }), ...(url && { url }) };
    await showReview(worker, notice, text?.(review) ?? { body: `${review.type} of ${review.run_id}` });
  }
}

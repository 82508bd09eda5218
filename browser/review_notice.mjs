/** A review as a notification: what the page shows, and what the Service Worker shows when a push message asks for one. */

/**
 * What a notification's `data.weft` holds, and a push message's `weft` besides its title and body.
 * @typedef {{store: string, review: string, reviewer?: string, url?: string}} ReviewNotice `url` of the page that shows it, relative to the scope
 */

const ACTIONS = [{ action: "approve", title: "Approve" }, { action: "reject", title: "Reject" }];
export const DECISIONS = new Map([["approve", "approved"], ["reject", "rejected"]]);

/** The notice in a notification or a push message, if it is one. @param {any} data @returns {ReviewNotice | null} */
export function reviewNotice(data) {
  const notice = data?.weft;
  const text = (/** @type {unknown} */ value) => typeof value === "string" && value.length > 0;
  return text(notice?.store) && text(notice?.review) ? notice : null;
}

export const tagOf = (/** @type {string} */ review) => `weft:${review}`;

/**
 * Chromium 156 may forget what it has just shown, and a click there reaches nobody: when somebody asked what is shown while it was being shown, and
 * when the desktop's notifications were not ready, as when a push message has started the browser. Neither outlasts the next question.
 */
const SHOWN_AT_MOST = 3;

/** Resolves when it is shown, and a click will be heard. @param {ServiceWorkerRegistration} registration @param {ReviewNotice} notice @param {{title?: string, body?: string}} text */
export async function showReview(registration, notice, { title = "A decision is asked of you", body }) {
  const options = { body, tag: tagOf(notice.review), data: { weft: notice }, actions: ACTIONS, requireInteraction: true };
  for (let times = 0; times < SHOWN_AT_MOST; times++) {
    await registration.showNotification(title, options);
    if ((await registration.getNotifications({ tag: options.tag })).length) return;
  }
}

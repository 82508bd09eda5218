/**
 * Reviews that are asked for in notifications. A click on Approve or Reject is a decision: it is on disk before any engine wakes, so that it
 * counts even if none can run now. Pages show such notifications themselves (browser/review_notices.mjs), or a push message brings one.
 */
import { DECISIONS } from "../browser/review_notice.mjs";
import { OLDEST } from "../browser/protocol.mjs";
import { leave } from "./left_calls.mjs";
import { worker } from "./site.mjs";

/** @typedef {import("../browser/review_notice.mjs").ReviewNotice} ReviewNotice */

/**
 * Write a decision down. Deciding twice is the same decision: its id is the review's.
 * @param {ReviewNotice} notice @param {string} action of the notification @returns {Promise<boolean>} whether that was a decision
 */
export async function decide({ store, review, reviewer }, action) {
  const decision = DECISIONS.get(action);
  if (!decision) return false;
  const params = { review_id: review, decision, reviewer: reviewer ?? null, decision_id: `notification:${review}` };
  await leave(store, { id: `review:${review}`, method: "submit_review", params });
  const channel = new BroadcastChannel(`weft:${store}`);
  channel.postMessage({ v: OLDEST, t: "left" }); // for the tab that leads, if one does
  channel.close();
  return true;
}

/** Bring up the page that shows a review. @param {ReviewNotice} notice */
export async function openReview({ url }) {
  const wanted = new URL(url ?? "./", worker.registration.scope);
  const tabs = await worker.clients.matchAll({ type: "window" });
  const tab = tabs.find((client) => client.url === wanted.href);
  await (tab ? tab.focus() : worker.clients.openWindow(wanted));
}

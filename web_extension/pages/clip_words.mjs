/** What clips are called for people. Pure. */
import { RUN, mood } from "../weft/panel_words.mjs";

/** @typedef {import("../weft/types.mjs").Run} Run */

const STATES = new Set(["running", "completed"]);
const UNITS = /** @type {[Intl.RelativeTimeFormatUnit, number][]} */ ([["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000]]);
const AGES = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** @param {Run} run */
export const titleOf = (run) => String(run.attributes.title ?? run.input?.[0]?.title ?? run.id);

/** Only addresses of the web are links. @param {unknown} url @returns {string | null} */
export function webAddress(url) {
  const found = URL.canParse(String(url)) ? new URL(String(url)) : null;
  return found && /^https?:$/.test(found.protocol) ? found.href : null;
}

/** @param {unknown} url */
export const siteOf = (url) => (webAddress(url) ? new URL(String(url)).host : "");

/** Its state in a word or two, and the mood of that: "good", "bad", "busy" or "asks". @param {Run} run */
export function stateOf(run) {
  const text = (STATES.has(run.status) && String(run.attributes.state ?? "")) || RUN[run.status] || run.status;
  if (run.status === "completed") return { text, mood: text === "rejected" ? "quiet" : "good" };
  return retryOf(run) ? { text: `${text}: tries again`, mood: "asks" } : { text, mood: mood(run) };
}

/** When what has failed is tried again, epoch ms, and which attempt that is; null if nothing has. @param {Run} run */
export function retryOf(run) {
  const wait = run.waiting_for.find(({ kind, attempt = 0, deadline, phase }) => kind === "activity" && phase === "backoff" && attempt > 0 && deadline);
  return wait ? { at: Number(wait.deadline), attempt: Number(wait.attempt) } : null;
}

/** @param {number} at epoch ms @param {number} now */
export function ago(at, now) {
  const unit = UNITS.find(([, ms]) => now - at >= ms);
  return unit ? AGES.format(-Math.floor((now - at) / unit[1]), unit[0]) : "just now";
}

/** A time to come: only the time of today, else with the day. @param {number} at epoch ms @param {number} now */
export function when(at, now) {
  const today = new Date(at).toDateString() === new Date(now).toDateString();
  return new Date(at).toLocaleString([], { ...(!today && { weekday: "short", day: "numeric", month: "short" }), hour: "2-digit", minute: "2-digit" });
}

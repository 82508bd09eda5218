/**
 * The one alarm: a wake-up that outlives the background, and with luck the browser. Deadlines are in the store; an alarm is a hint to look there.
 * It is made only if it is absent or too late: one that is made anew at each wake-up is pushed off for ever (duckduckgo PR #1241), and one that
 * the browser has lost, at a restart of Firefox or when the extension was switched off, is made again at the next wake-up.
 */
import { api } from "./api.mjs";

export const ALARM = "weft";
const NEAR_MS = 1_000;

/** Be woken in so many milliseconds, or earlier. @param {number} ms */
export async function wakeWithin(ms) {
  const latest = Date.now() + ms;
  const found = await api.alarms.get(ALARM);
  if (!found || found.scheduledTime > latest + NEAR_MS) await api.alarms.create(ALARM, { when: latest });
}

/** Be woken then and not before, or not at all. @param {number | null} when epoch ms */
export async function wakeAt(when) {
  const found = await api.alarms.get(ALARM);
  if (when === null) {
    if (found) await api.alarms.clear(ALARM);
  } else if (!found || Math.abs(found.scheduledTime - when) > NEAR_MS) await api.alarms.create(ALARM, { when });
}

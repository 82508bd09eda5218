/** The number on the extension's button: how many runs wait for the user, else how many go on. */
import { api } from "./api.mjs";

const SAFFRON = "#f7b538", INDIGO = "#43389c";
const INK = "#221d33", WHITE = "#ffffff";

/** @param {{waiting: number, running: number}} counts of reviews, and of runs that have not ended @returns {Promise<void>} */
export async function showCounts({ waiting, running }) {
  const { action } = api;
  await Promise.all([
    action.setBadgeText({ text: String(Math.min(waiting || running, 999) || "") }), // there is room for three figures
    action.setBadgeBackgroundColor({ color: waiting ? SAFFRON : INDIGO }),
    action.setBadgeTextColor?.({ color: waiting ? INK : WHITE }),
    action.setTitle({ title: [api.runtime.getManifest().name, inWords(waiting, running)].filter(Boolean).join(": ") }),
  ]);
}

/** @param {number} waiting @param {number} running */
function inWords(waiting, running) {
  const on = running - waiting;
  return [waiting && `${waiting} ${waiting === 1 ? "waits" : "wait"} for you`, on > 0 && `${on} under way`].filter(Boolean).join(", ");
}

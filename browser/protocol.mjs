/**
 * The version of every message: between tabs, to the Service Worker, and to the store that it hosts.
 *
 * After an update tabs of the old build may still be open, so both sides understand this version and the one before it. Who asks, asks in a
 * version that the other side understands; who answers, answers in that version; what goes to all tabs goes in the older one, as long as its
 * form is the same. Who is older than that is told to reload.
 *
 * 1: calls, replies, events, who leads; store-port, store requests.
 * 2: who leads says what it speaks; the store says by which lock its death is seen; wake, drained updates, refusals.
 */

export const PROTOCOL = 2;
export const OLDEST = 1;

/** @param {unknown} v of a message @returns {boolean} */
export const understood = (v) => typeof v === "number" && v >= OLDEST && v <= PROTOCOL;

/** Whether who speaks this version is too old to be talked with; newer ones adapt themselves. @param {unknown} v */
export const outdated = (v) => !(typeof v === "number" && v >= OLDEST);

/** What a peer with another version is told. @param {unknown} v its version @param {string} who speaks here */
export function mismatch(v, who) {
  const first = typeof v === "number" && v > PROTOCOL ? "close or reload the other tabs of this app" : "reload the page";
  return {
    code: "ProtocolMismatchError",
    message: `${who} speaks protocol ${PROTOCOL} and ${OLDEST}, not ${v}: ${first}`,
    facts: { asked: v ?? null, speaks: [OLDEST, PROTOCOL] },
  };
}

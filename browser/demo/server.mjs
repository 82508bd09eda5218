/** The engine beside the demo's web server: where it is, and where an order is that was handed over to it. */

const KEPT = "weft-demo-server";

/** @returns {Promise<{url: string, token?: string}>} `url` is "" where there is none: the page lies on a plain web server */
async function ask() {
  const response = await fetch(new URL("api/server", document.baseURI), { cache: "no-store" });
  const found = response.ok ? await response.json() : { url: "" };
  localStorage.setItem(KEPT, found.url);
  return found;
}

/**
 * What `Weft.open` is told. The address is kept for a start offline; the token is not, and asked for when it is needed.
 * @returns {Promise<import("./weft/server.mjs").ServerOptions | undefined>}
 */
export async function serverOptions() {
  const { url } = await ask().catch(() => ({ url: localStorage.getItem(KEPT) ?? "" }));
  return url ? { url, token: async () => (await ask()).token ?? "" } : undefined;
}

/**
 * @typedef {object} Whereabouts
 * @property {string} chip
 * @property {string} [text] instead of what the order waits for
 * @property {{id: string, text: string, back: boolean}} [action] `back`: to have it here
 */

/** @param {any} info the run @param {{state: string, trouble: string}} handoff @returns {Whereabouts} */
export function whereabouts(info, { state, trouble }) {
  const keep = { id: "take-back", text: "Keep it here", back: true };
  if (state === "ended") return { chip: "finished by the server" };
  if (info.finished_at) return { chip: "" };
  if (state === "parking") return { chip: "leaving", action: keep, text: "It goes to the server as soon as the step under way here has its answer." };
  if (state === "sending") {
    const text = trouble ? "The server does not answer. It is sent when it does, as long as this page is open." : "It is on its way to the server.";
    return { chip: "on its way", action: keep, text };
  }
  if (state === "asking") return { chip: "coming back", text: trouble ? "It was asked for; the server does not answer." : "It is coming back from the server." };
  if (state !== "moved") return { chip: "on this device", action: { id: "hand-over", text: "Hand over to the server", back: false } };
  const text = "The server drives it now, and this page follows. Close the page, or the laptop: it goes on.";
  return { chip: "on the server", text, action: { id: "take-back", text: "Take back", back: true } };
}

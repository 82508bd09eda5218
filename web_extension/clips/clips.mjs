/** What is clipped, and what became of it. */
import { connect } from "../weft/connection.mjs";
import { newId, startLater } from "../engine/asking.mjs";
import { ensureEngine } from "../engine/host.mjs";
import { readSettings } from "./settings.mjs";
import { STORE } from "../workflows.mjs";

const TITLE_LENGTH = 300;
const TEXT_LENGTH = 500_000;
const ID = /^clip-[a-z0-9-]{1,60}$/;
const STATE_WITHIN_MS = 20_000;

/**
 * A page as it is, a selection of it, or a page that has to be fetched (a link), without `html`.
 * @typedef {{url: string, title?: string, html?: string, kind: "page" | "selection" | "link"}} Clip
 */

/** Resolves with the run's id when it is certain that there will be a run. @param {Clip} clip @param {string} [id] @returns {Promise<string>} */
export async function startClip({ url, title = "", html = "", kind }, id = newId("clip")) {
  if (!ID.test(id)) throw new TypeError("the id of a clip is clip- and up to sixty letters, digits and hyphens");
  if (!/^https?:$/.test(new URL(url).protocol)) throw new TypeError(`a clip is of a web page, not of ${url.slice(0, 100)}`);
  const { webhook, review } = await readSettings();
  const request = { url, title: title.slice(0, TITLE_LENGTH), html: html.slice(0, TEXT_LENGTH), kind, webhook, review };
  return startLater("clip", [request], id);
}

/** How far a clip of a page has come; null if it is not one of that page. @param {string} id @param {string} url @returns {Promise<{state: string} | null>} */
export async function clipState(id, url) {
  await ensureEngine();
  const weft = connect({ name: STORE, deadlineMs: STATE_WITHIN_MS });
  try {
    const { attributes } = await weft.describe(id);
    return attributes.url === url ? { state: attributes.state } : null;
  } finally {
    weft.close();
  }
}

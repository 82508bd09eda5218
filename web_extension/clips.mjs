/** What is clipped. */
import { startLater } from "./asking.mjs";
import { readSettings } from "./settings.mjs";

const TITLE_LENGTH = 300;
const TEXT_LENGTH = 500_000;

/**
 * A page as it is, a selection of it, or a page that has to be fetched (a link), without `html`.
 * @typedef {{url: string, title?: string, html?: string, kind: "page" | "selection" | "link"}} Clip
 */

/** Resolves with the run's id when it is certain that there will be a run. @param {Clip} clip @returns {Promise<string>} */
export async function startClip({ url, title = "", html = "", kind }) {
  if (!/^https?:$/.test(new URL(url).protocol)) throw new TypeError(`a clip is of a web page, not of ${url.slice(0, 100)}`);
  const { webhook, review } = await readSettings();
  const request = { url, title: title.slice(0, TITLE_LENGTH), html: html.slice(0, TEXT_LENGTH), kind, webhook, review };
  return startLater("clip", [request]);
}

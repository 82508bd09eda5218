/** A clip in one line, and the line that says how the engine is. */
import { h } from "../weft/panel_dom.mjs";
import { ago, retryOf, siteOf, stateOf, titleOf, webAddress, when } from "./clip_words.mjs";

/** @typedef {import("../weft/types.mjs").Run} Run */

/** A link where there is an address, else only text. @param {string} text @param {unknown} url @param {string} look */
export function linked(text, url, look) {
  const href = webAddress(url);
  return href ? h("a", { class: look, href, target: "_blank", rel: "noreferrer", title: text, text }) : h("span", { class: look, title: text, text });
}

/** The newest clips. Links stay as they are, so that the focus stays. */
export class Clips {
  /** @type {Map<string, {item: HTMLElement, title: string, facts: HTMLElement}>} */ #lines = new Map();

  /** @param {HTMLElement} list */
  constructor(list) {
    this.list = list;
  }

  /** @param {Run[]} runs */
  show(runs) {
    const items = runs.map((run) => this.#line(run));
    for (const [id, { item }] of this.#lines) if (!items.includes(item)) item.remove(), this.#lines.delete(id);
    items.forEach((item, index) => this.list.children[index] !== item && this.list.insertBefore(item, this.list.children[index] ?? null));
  }

  /** @param {Run} run */
  #line(run) {
    const title = titleOf(run);
    let line = this.#lines.get(run.id);
    if (line?.title !== title) {
      line?.item.remove();
      const facts = h("div", { class: "clip-facts" });
      line = { title, facts, item: h("li", { class: "clip" }, linked(title, run.attributes.url, "clip-title"), facts) };
      this.#lines.set(run.id, line);
    }
    line.facts.replaceChildren(...facts(run));
    return line.item;
  }
}

/** @param {Run} run */
function facts(run) {
  const now = Date.now();
  const { text, mood } = stateOf(run);
  const retry = retryOf(run);
  const known = [siteOf(run.attributes.url), ago(run.created_at, now), retry && `next try at ${when(retry.at, now)}`];
  return [
    h("span", { class: `chip ${mood}`, text }),
    h("span", { class: "soft", text: known.filter(Boolean).join(" · ") }),
    ...(run.error ? [h("span", { class: "soft why", text: run.error.message })] : []),
  ];
}

/** @typedef {"waiting" | "failing" | "ready" | "closed"} EngineState */
/** @type {Record<EngineState, [string, string]>} */
const ENGINE = {
  waiting: ["Engine is starting", "busy"], failing: ["Engine could not start", "bad"],
  ready: ["Engine is running", "good"], closed: ["Engine is not connected", "bad"],
};

/** @param {EngineState} state @param {number | null} next when something is due, epoch ms @returns {HTMLElement[]} */
export function statusLine(state, next) {
  const [text, mood] = ENGINE[state];
  const now = Date.now();
  return [
    h("span", {}, h("span", { class: `dot ${mood}` }), text),
    ...(navigator.onLine ? [] : [h("span", { class: "bad", text: "Offline: what needs the network waits" })]),
    ...(next !== null && next > now ? [h("span", { text: `Next: ${when(next, now)}` })] : []),
  ];
}

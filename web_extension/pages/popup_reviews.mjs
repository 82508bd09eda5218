/** What waits for the user: each clip with Approve, Reject and a note. What is being read or written is left alone when others come and go. */
import { h } from "../weft/panel_dom.mjs";
import { ago, siteOf } from "./clip_words.mjs";
import { decide } from "../engine/connected.mjs";
import { linked } from "./popup_lines.mjs";

/** @typedef {import("../weft/types.mjs").Review} Review @typedef {{say(text: string): void, troubled(text: string): void}} Voice */

const FIRST = 2;
const DONE = { approved: "Approved", rejected: "Rejected" };

export class Reviews {
  /** @type {Map<string, HTMLElement>} */ #cards = new Map();
  /** @type {Review[]} */ #pending = [];
  /** @type {Set<string>} */ #decided = new Set();
  #all = false;

  /** @param {{section: HTMLElement, list: HTMLElement, heading: HTMLElement, more: HTMLElement}} parts @param {Voice} voice */
  constructor(parts, voice) {
    this.parts = parts;
    this.voice = voice;
    parts.more.onclick = () => {
      this.#all = true;
      this.show(this.#pending);
      this.#refocus();
    };
  }

  /** @param {Review[]} pending the oldest first @returns {Set<string>} the runs that are shown here */
  show(pending) {
    const { section, list, heading, more } = this.parts;
    this.#pending = pending;
    const shown = this.#all ? pending : pending.slice(0, FIRST);
    const focused = list.contains(document.activeElement);
    for (const [id, card] of this.#cards) if (!shown.some((review) => review.id === id)) this.#remove(id, card);
    for (const review of shown) if (!this.#cards.has(review.id)) list.append(this.#add(review));
    section.hidden = pending.length === 0;
    heading.textContent = pending.length > 1 ? `Waiting for you (${pending.length})` : "Waiting for you";
    more.hidden = shown.length === pending.length;
    more.textContent = `Show ${pending.length - shown.length} more`;
    if (focused && !list.contains(document.activeElement)) this.#refocus();
    return new Set(shown.map((review) => review.run_id));
  }

  /** The card that had the focus is gone: go on with the next one. */
  #refocus() {
    const { list, heading, section } = this.parts;
    const next = /** @type {HTMLElement | null} */ (list.querySelector("button:not([aria-disabled])") ?? (section.hidden ? document.getElementById("clips-title") : heading));
    next?.focus();
  }

  /** @param {string} id @param {HTMLElement} card */
  #remove(id, card) {
    this.#cards.delete(id);
    card.remove();
  }

  /** @param {Review} review */
  #add(review) {
    const { title = "A clip", url, excerpt = "", tags = [] } = review.artifact ?? {};
    const note = /** @type {HTMLInputElement} */ (h("input", { type: "text", maxlength: 500, autocomplete: "off", placeholder: "Note (optional)", "aria-label": `Note on ${title}` }));
    const verdict = h("div", { class: "actions" }, note);
    const button = (/** @type {"approved" | "rejected"} */ decision, /** @type {string} */ text, /** @type {string} */ look) =>
      h("button", { type: "button", class: look, text, "aria-label": `${text}: ${title}`, onclick: () => void this.#decide(review, title, decision, note, verdict) });
    verdict.append(button("approved", "Approve", "primary"), button("rejected", "Reject", "danger"));
    const card = h("li", { class: "ask" },
      linked(title, url, "ask-title"),
      h("p", { class: "soft", text: [siteOf(url), ago(review.requested_at, Date.now())].filter(Boolean).join(" · ") }),
      h("p", { class: "excerpt", text: beginning(excerpt, title) }),
      tags.length > 0 && h("ul", { class: "tags", "aria-label": "Tags" }, ...tags.map((/** @type {string} */ text) => h("li", { text }))),
      verdict);
    this.#cards.set(review.id, card);
    return card;
  }

  /** @param {Review} review @param {string} title @param {"approved" | "rejected"} decision @param {HTMLInputElement} note @param {HTMLElement} verdict */
  async #decide(review, title, decision, note, verdict) {
    if (this.#decided.has(review.id)) return;
    this.#decided.add(review.id);
    for (const control of verdict.children) control.setAttribute("aria-disabled", "true"); // it keeps the focus until the card goes
    try {
      await decide(review.id, decision, note.value.trim());
      this.voice.say(`${DONE[decision]}: ${title}`);
      this.voice.troubled("");
    } catch (error) {
      this.#decided.delete(review.id);
      for (const control of verdict.children) control.removeAttribute("aria-disabled");
      this.voice.troubled(`Not decided: ${/** @type {Error} */ (error).message}`);
    }
  }
}

/** A text that begins with its own title need not say it twice. @param {unknown} excerpt @param {unknown} title */
function beginning(excerpt, title) {
  const text = String(excerpt);
  return text.startsWith(String(title)) ? text.slice(String(title).length).trim() : text;
}

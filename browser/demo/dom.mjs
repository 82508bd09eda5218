/** Small helpers to build and find elements. */
export { bytes, clock, duration, h } from "./weft/panel_dom.mjs";

/** @param {string} id */
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** Markup of our own as an element; never give it text from elsewhere. @param {string} markup */
export function svg(markup) {
  const template = document.createElement("template");
  template.innerHTML = markup.trim();
  return /** @type {Element} */ (template.content.firstElementChild);
}

/** Tell people who cannot see the change. @param {string} text */
export function announce(text) {
  byId("announce").textContent = text;
}

/** @param {number} cents */
export const money = (cents) => (cents / 100).toLocaleString(undefined, { style: "currency", currency: "EUR" });

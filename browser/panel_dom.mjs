/** Small helpers to build elements. Text is always a text node: what a workflow says is never markup. */

/**
 * An element. Props that begin with "on" are listeners, "class" and "text" are what they say, the rest are attributes (false, null: left out).
 * @param {string} tag @param {Record<string, any>} [props] @param {...(Node | string | null | undefined | false)} children @returns {HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "text") element.textContent = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child !== null && child !== undefined && child !== false) element.append(child);
  return element;
}

/** What the icons are drawn of: one path each, in a square of 20. */
const PATHS = {
  check: "m5 10.5 3.3 3.3L15 7",
  cross: "m6 6 8 8M14 6l-8 8",
  clock: "M10 3.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13M10 6.5V10l2.4 1.6",
  hand: "M6.5 10.5V5.8a1.1 1.1 0 0 1 2.2 0V9m0-4.5a1.1 1.1 0 0 1 2.2 0V9m0-3.6a1.1 1.1 0 0 1 2.2 0v5.8c0 3-1.7 5-4.3 5-2 0-3.1-1-4-2.6l-1.3-2.4c-.6-1.2.8-2.1 1.6-1.1l1.4 1.6",
  gear: "M4 7h7.5M15 7h1M4 13h1M8.5 13H16M13.2 5.2a1.8 1.8 0 1 0 0 3.6a1.8 1.8 0 1 0 0-3.6M6.8 11.2a1.8 1.8 0 1 0 0 3.6a1.8 1.8 0 1 0 0-3.6",
  fork: "M10 16v-4M10 12 5.5 8V5M10 12l4.5-4V5",
  note: "M5 6h10M5 10h10M5 14h6",
  flag: "M6 16.5v-12M6 4.5h8.5l-2 3 2 3H6",
  skull: "M10 3a6 6 0 0 0-3.5 10.9V16h7v-2.1A6 6 0 0 0 10 3zM8 9.5v.01M12 9.5v.01M10 16v-2",
  undo: "M7 5 4 8l3 3M4.5 8H12a4 4 0 0 1 0 8H8",
  open: "m7.5 5 5 5-5 5",
};

/** @param {keyof typeof PATHS} name */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const shape = { class: "icon", viewBox: "0 0 20 20", width: "18", height: "18", "aria-hidden": "true", fill: "none", stroke: "currentColor" };
  const pen = { "stroke-width": "1.7", "stroke-linecap": "round", "stroke-linejoin": "round" };
  for (const [attribute, value] of Object.entries({ ...shape, ...pen })) svg.setAttribute(attribute, value);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** @param {number} ms */
export function duration(ms) {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < 5_400_000) return `${Math.round(ms / 60_000)} min`;
  return ms < 172_800_000 ? `${Math.round(ms / 3_600_000)} h` : `${Math.round(ms / 86_400_000)} days`;
}

/** @param {number} at epoch ms */
export const clock = (at) => new Date(at).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** @param {number} count */
export function bytes(count) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let step = 0;
  for (; count >= 1_000 && step < units.length - 1; step++) count /= 1_000;
  return `${count.toFixed(count < 10 && step ? 1 : 0)} ${units[step]}`;
}

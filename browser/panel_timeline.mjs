/** The timeline: one row for each step, with its attempts, how long it took and what it waits for. */
import { clock, duration, h, icon } from "./panel_dom.mjs";
import { rows } from "./panel_steps.mjs";

/** @typedef {import("./panel_steps.mjs").Row} Row */

/** @type {Record<Row["kind"], Parameters<typeof icon>[0]>} */
const ICON_OF = {
  activity: "gear", sleep: "clock", signal: "hand", review: "hand", child: "fork", note: "note", recovered: "undo", start: "flag", end: "check", cancel: "cross",
  crash: "skull",
};
const STATE_TEXT = { running: "working", waiting: "waiting", retrying: "will try again", done: "done", failed: "failed", info: "" };

export class Timeline {
  /** @param {HTMLElement} list */
  constructor(list) {
    this.list = list;
    /** @type {Map<string, {element: HTMLElement, shown: string}>} */ this.drawn = new Map();
    /** @type {Row[]} */ this.rows = [];
    this.ticking = setInterval(() => this.#tick(), 1_000);
  }

  /** No more countdowns. */
  close() {
    clearInterval(this.ticking);
  }

  clear() {
    this.drawn.clear();
    this.rows = [];
    this.list.replaceChildren();
  }

  /** @param {any[]} events @param {import("./types.mjs").Run | null} info @param {Row[]} [others] that happened meanwhile */
  show(events, info, others = []) {
    this.rows = rows(events, info, others);
    const longest = Math.max(400, ...this.rows.map((row) => (row.until ?? row.at) - row.at));
    const wanted = new Set(this.rows.map((row) => row.key));
    for (const [key, { element }] of this.drawn) {
      if (wanted.has(key)) continue;
      element.remove();
      this.drawn.delete(key);
    }
    this.rows.forEach((row, index) => this.#draw(row, index, longest));
  }

  /** Redraw a row only if it changed, so that animations and the reader's place stay. @param {Row} row @param {number} index @param {number} longest */
  #draw(row, index, longest) {
    const shown = JSON.stringify([row, longest]);
    const known = this.drawn.get(row.key);
    const element = known?.shown === shown ? known.element : drawRow(row, longest);
    if (known && known.element !== element) {
      element.classList.add("settled");
      known.element.replaceWith(element);
    }
    this.drawn.set(row.key, { element, shown });
    if (this.list.children[index] !== element) this.list.insertBefore(element, this.list.children[index] ?? null);
  }

  #tick() {
    if (document.hidden) return;
    for (const row of this.rows) {
      const place = row.deadline && !row.until && this.drawn.get(row.key)?.element.querySelector(".countdown");
      if (place) place.textContent = countdown(row);
    }
  }
}

/** @param {Row} row @param {number} longest */
function drawRow(row, longest) {
  const took = row.until !== undefined && row.kind !== "note" ? row.until - row.at : null;
  const drawing = row.state === "failed" ? "cross" : row.kind === "activity" && row.state === "done" ? "check" : ICON_OF[row.kind];
  const element = h(
    "li",
    { class: `row ${row.kind} ${row.state}` },
    h("span", { class: "knot" }, icon(drawing)),
    h(
      "div",
      { class: "row-text" },
      h("div", { class: "row-title" }, row.title, STATE_TEXT[row.state] && h("span", { class: "visually-hidden", text: `, ${STATE_TEXT[row.state]}` })),
      row.attempts && row.attempts.length > 1 ? attempts(row.attempts) : null,
      row.detail ? h("div", { class: "row-detail", text: row.detail }) : null,
      row.deadline && !row.until ? h("div", { class: "row-detail countdown", text: countdown(row) }) : null,
      took !== null && took > 0 ? bar(took, longest) : null,
    ),
    h("span", { class: "row-time" }, took ? duration(took) : "", h("time", { datetime: new Date(row.at).toISOString(), text: clock(row.at) })),
  );
  return element;
}

/** @param {import("./panel_steps.mjs").Attempt[]} made */
function attempts(made) {
  const pips = made.map((attempt) => h("span", { class: attempt.error ? "pip bad" : "pip", title: `attempt ${attempt.n}${attempt.error ? `: ${attempt.error}` : ""}` }));
  return h("div", { class: "attempts" }, ...pips, h("span", { text: `${made.length} attempts` }));
}

/** @param {number} took @param {number} longest */
function bar(took, longest) {
  const fill = h("span");
  fill.style.setProperty("inline-size", `${Math.max(1.5, (100 * took) / longest)}%`);
  return h("div", { class: "bar", "aria-hidden": "true" }, fill);
}

/** @param {Row} row */
function countdown(row) {
  const left = (row.deadline ?? 0) - Date.now();
  const what = row.state === "retrying" ? "next attempt" : row.kind === "signal" ? "gives up" : "wakes";
  return left > 0 ? `${what} in ${duration(left < 10_000 ? Math.ceil(left / 1_000) * 1_000 : left)}` : `${what} now`;
}

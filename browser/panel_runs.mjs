/** The lower part of the panel: the list of runs, one of which may be open. */
import { clock, h, icon } from "./panel_dom.mjs";
import { OpenRun } from "./panel_run.mjs";
import { RUN, mood, waits } from "./panel_words.mjs";
import { watchRuns } from "./watching.mjs";

/** @typedef {import("./types.mjs").Run} Run */

const PAGE = 20;
const CHOICES = {
  All: undefined, "Under way": ["pending", "running", "suspended"], "Needs a look": ["dead", "held"], Done: ["completed"],
  Failed: ["failed", "cancelled", "timed_out", "terminated"],
};

export class RunsView {
  /** @type {OpenRun | null} */ #open = null;
  /** @type {Map<string, {item: HTMLElement, shown: string}>} */ #lines = new Map();
  #limit = PAGE;
  #stop = () => {};

  /** @param {import("./asking.mjs").Asking} weft @param {() => string | undefined} reviewer */
  constructor(weft, reviewer) {
    this.weft = weft;
    this.reviewer = reviewer;
    this.choice = /** @type {HTMLSelectElement} */ (h("select", { "aria-label": "Which runs", onchange: () => this.#watch() }, ...Object.keys(CHOICES).map((text) => h("option", { text }))));
    this.list = h("ul");
    this.note = h("p", { class: "empty", text: "…" });
    this.more = h("button", { type: "button", class: "more", hidden: true, text: "Show more", onclick: () => this.#watch(this.#limit + PAGE) });
    this.element = h("section", { "aria-label": "Runs" }, h("div", { class: "runs-head" }, h("h2", { text: "Runs" }), this.choice), this.list, this.note, this.more);
    this.#watch();
  }

  close() {
    this.#stop();
    this.#open?.close();
  }

  #watch(limit = PAGE) {
    this.#limit = limit;
    this.#stop();
    const status = /** @type {any} */ (CHOICES)[this.choice.value];
    this.#stop = watchRuns(this.weft, { limit, ...(status && { status }) }, (view) => this.#show(view));
  }

  /** @param {import("./watching.mjs").RunsView} view */
  #show({ runs, more, error }) {
    const wanted = new Set(runs.map((run) => run.id));
    for (const [id, { item }] of this.#lines) if (!wanted.has(id)) this.#remove(id, item);
    runs.forEach((run, index) => this.#place(run, index));
    this.note.hidden = runs.length > 0 && !error;
    this.note.textContent = error ? error.message : "No runs here.";
    this.more.hidden = !more;
  }

  /** @param {string} id @param {HTMLElement} item */
  #remove(id, item) {
    if (this.#open?.id === id) this.#toggle(id);
    item.remove();
    this.#lines.delete(id);
  }

  /** What has not changed is left alone, so that focus and the opened run stay. @param {Run} run @param {number} index */
  #place(run, index) {
    const shown = JSON.stringify(run);
    const known = this.#lines.get(run.id);
    const item = known?.item ?? this.#item(run.id);
    if (known?.shown !== shown) item.firstElementChild?.replaceChildren(...line(run));
    this.#lines.set(run.id, { item, shown });
    if (this.list.children[index] !== item) this.list.insertBefore(item, this.list.children[index] ?? null);
  }

  /** @param {string} id */
  #item(id) {
    return h("li", { class: "run" }, h("button", { type: "button", class: "run-line", "aria-expanded": "false", onclick: () => this.#toggle(id) }));
  }

  /** @param {string} id */
  #toggle(id) {
    const before = this.#open;
    this.#open = null;
    before?.close();
    before?.element.remove();
    if (before) this.#mark(before.id, false);
    if (before?.id === id) return;
    this.#open = new OpenRun(this.weft, id, this.reviewer);
    this.#lines.get(id)?.item.append(this.#open.element);
    this.#mark(id, true);
  }

  /** @param {string} id @param {boolean} open */
  #mark(id, open) {
    const item = this.#lines.get(id)?.item;
    item?.classList.toggle("open", open);
    item?.firstElementChild?.setAttribute("aria-expanded", String(open));
  }
}

/** What its author calls it (the search attribute "title"), else its id. @param {Run} run */
function name({ id, attributes: { title } }) {
  return typeof title === "string" && title ? h("span", { class: "run-title", title: id, text: title }) : h("span", { class: "run-id", text: id });
}

/** @param {Run} run */
function line(run) {
  const waiting = run.finished_at ? (run.error?.message ?? "") : waits(run);
  return [
    icon("open"),
    h("span", { class: "run-name" }, h("b", { text: run.workflow }), name(run)),
    h("span", { class: `chip ${mood(run)}`, text: RUN[run.status] ?? run.status }),
    h("time", { datetime: new Date(run.created_at).toISOString(), text: clock(run.created_at) }),
    h("span", { class: "run-wait", text: waiting && !run.finished_at ? `waits for ${waiting}` : waiting || "–" }),
    h("span", { class: "run-steps number", text: `${run.steps} ${run.steps === 1 ? "step" : "steps"}` }),
  ];
}

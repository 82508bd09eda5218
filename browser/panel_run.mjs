/** A run that was opened in the panel: what can be done with it, its timeline, where its code stands and with which variables. */
import { h } from "./panel_dom.mjs";
import { human } from "./panel_steps.mjs";
import { Timeline } from "./panel_timeline.mjs";
import { watchRun } from "./watching.mjs";

/** @typedef {import("./types.mjs").Run} Run @typedef {import("./types.mjs").Review} Review @typedef {import("./watching.mjs").RunView} RunView */

export class OpenRun {
  /** @type {Review[]} */ #reviews = [];
  #drawn = "";

  /** @param {import("./asking.mjs").Asking} weft @param {string} id @param {() => string | undefined} reviewer who decides */
  constructor(weft, id, reviewer) {
    this.weft = weft;
    this.id = id;
    this.reviewer = reviewer;
    this.trouble = h("p", { class: "trouble", role: "alert" });
    this.actions = h("div", { class: "actions" });
    const list = h("ol", { class: "timeline" });
    this.timeline = new Timeline(list);
    this.code = h("section", { "aria-label": "Where the code stands" });
    const columns = h("div", { class: "columns" }, h("section", { "aria-label": "Timeline" }, h("h3", { text: "Timeline" }), list), this.code);
    this.element = h("div", { class: "detail" }, this.trouble, this.actions, columns);
    this.stop = watchRun(weft, id, (view) => void this.#show(view), { frames: true });
  }

  close() {
    this.stop();
    this.timeline.close();
  }

  /** @param {RunView} view */
  async #show({ run, events, frames, error }) {
    this.trouble.textContent = error ? error.message : "";
    if (!run) return;
    this.timeline.show(events, run);
    this.code.replaceChildren(...(run.finished_at ? outcome(run) : standing(frames)));
    if (run.waiting_for.some((wait) => wait.kind === "review")) {
      const { items } = await this.weft.reviews({ runId: this.id, status: "pending" });
      this.#reviews = items;
    } else this.#reviews = [];
    this.#drawActions(run);
  }

  /** Only when they are others: a button that is being reached for must not go away. @param {Run} run */
  #drawActions(run) {
    const key = JSON.stringify([run.status, run.cancel_requested, this.#reviews.map((review) => review.id)]);
    if (key === this.#drawn) return;
    this.#drawn = key;
    const buttons = [];
    if (["dead", "held"].includes(run.status)) buttons.push(this.#button("Try again", "primary", () => this.weft.retry(this.id)));
    if (run.status === "suspended") buttons.push(this.#button("Resume", "primary", () => this.weft.resume(this.id)));
    if (!run.finished_at) buttons.push(this.#button(run.cancel_requested ? "Cancelling…" : "Cancel", "danger", () => this.weft.cancel(this.id), run.cancel_requested));
    this.actions.replaceChildren(...this.#reviews.map((review) => this.#ask(review)), ...buttons);
  }

  /** @param {Review} review */
  #ask(review) {
    const decide = (/** @type {"approved" | "rejected"} */ decision) => () => this.weft.submitReview(review.id, { decision, reviewer: this.reviewer(), decisionId: `panel-${review.id}` });
    return h("div", { class: "ask", role: "group", "aria-label": `Review: ${review.type}` },
      h("b", { text: `Your decision: ${human(review.type)}` }),
      h("pre", { class: "value", tabindex: 0, text: JSON.stringify(review.artifact, null, 2) }),
      h("div", { class: "actions" }, this.#button("Approve", "primary", decide("approved")), this.#button("Reject", "danger", decide("rejected"))));
  }

  /** @param {string} text @param {string} look @param {() => Promise<unknown>} work @param {boolean} [disabled] */
  #button(text, look, work, disabled = false) {
    const button = /** @type {HTMLButtonElement} */ (h("button", { type: "button", class: look, text, disabled, onclick: async () => {
      button.disabled = true;
      this.trouble.textContent = "";
      await work().catch((error) => {
        this.trouble.textContent = error.message;
        button.disabled = false;
      });
    } }));
    return button;
  }
}

/** @param {import("./types.mjs").FramesView | null} view */
function standing(view) {
  const frames = (view?.tasks ?? []).flatMap((task) => task.frames);
  if (!frames.length) return [h("h3", { text: "Where the code stands" }), h("p", { class: "soft", text: "It is not parked at an await yet." })];
  return [h("h3", { text: "Where the code stands" }), h("div", { class: "stack" }, ...frames.map(frame))];
}

/** @param {import("./types.mjs").Frame} shown */
function frame({ function: name, file, line, source, locals }) {
  const here = source && line !== null ? source.lines[line - source.first_line] : undefined;
  const rows = locals.map((local) => h("tr", {}, h("th", { scope: "row", text: local.name }), h("td", {}, local.text, h("small", { text: local.type }))));
  return h("div", { class: "frame" },
    h("div", { class: "frame-head" }, h("span", { text: name }), h("span", { text: line === null ? file : `${file}:${line}` })),
    here === undefined ? null : h("pre", { class: "here", tabindex: 0, text: here.trim() }),
    rows.length ? h("table", { "aria-label": `Variables of ${name}` }, h("tbody", {}, ...rows)) : null);
}

/** @param {Run} run */
function outcome(run) {
  const text = run.error ? `${run.error.code}: ${run.error.message}` : JSON.stringify(run.result, null, 2);
  return [h("h3", { text: run.error ? "Error" : "Result" }), h("pre", { class: "value", tabindex: 0, text })];
}

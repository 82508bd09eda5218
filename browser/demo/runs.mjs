/** The list of all orders on this device, newest first. */
import { clock, h } from "./dom.mjs";
import { RUN, mood } from "./weft/panel_words.mjs";

/** @param {any[]} items @param {string | null} chosen @param {(id: string) => void} choose */
export function runList(items, chosen, choose) {
  if (!items.length) return h("p", { class: "empty", text: "No orders on this device yet." });
  const rows = items.map((run) =>
    h(
      "tr",
      { class: run.id === chosen ? "chosen" : null },
      h("th", { scope: "row" }, h("a", { href: `#${encodeURIComponent(run.id)}`, "aria-current": run.id === chosen ? "true" : null, onclick: () => choose(run.id) }, orderNumber(run))),
      h("td", {}, h("span", { class: `chip ${chipMood(run)}`, text: outcome(run) })),
      h("td", { class: "waits", text: waits(run) }),
      h("td", { class: "number", text: `${run.steps} ${run.steps === 1 ? "step" : "steps"}` }),
      h("td", { class: "number" }, h("time", { datetime: new Date(run.created_at).toISOString(), text: clock(run.created_at) })),
    ),
  );
  const heads = ["Order", "Status", "Waits for", "Steps", "Placed"].map((text) => h("th", { scope: "col", text }));
  return h("table", {}, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...rows));
}

/** The order's number is in the run's input. @param {any} run @returns {string} */
export const orderNumber = (run) => run.input?.[0]?.id ?? run.id;

/** The demo knows only one other engine. @type {Record<string, string>} */
const PLACES = { transferring: "on its way", moved: "on the server" };

/** @param {any} run */
export function outcome(run) {
  if (run.status === "completed" && run.result?.status) return run.result.status;
  return PLACES[run.status] ?? RUN[run.status] ?? run.status;
}

/** An order that was undone is done, and not well. @param {any} run */
export const chipMood = (run) => (run.result?.status === "undone" ? "bad" : mood(run));

function waits(run) {
  return (run.waiting_for ?? []).map((wait) => (wait.attempt > 1 ? `${wait.name}, attempt ${wait.attempt}` : wait.name ?? wait.kind)).join(", ") || "–";
}

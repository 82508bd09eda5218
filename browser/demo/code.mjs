/** The workflow's source with the waiting line marked, and the live variables of the frame that stands there. */
import { h } from "./dom.mjs";
import { highlight } from "./highlight.mjs";

export class CodeView {
  /** @param {HTMLElement} code @param {HTMLElement} variables @param {HTMLElement} place says in words where it waits */
  constructor(code, variables, place) {
    this.code = code;
    this.place = place;
    this.variables = variables;
    this.clear();
  }

  clear() {
    /** what is drawn, to leave it alone when nothing changed */ this.drawn = "";
    /** @type {Map<string, string>} */ this.values = new Map();
    /** @type {any} */ this.source = null;
    this.variables.replaceChildren(h("p", { class: "empty", text: "What the code holds in its hands while it waits stands here." }));
    void this.#preview();
  }

  /** Until a frame brings its own source, show the workflow as it is in the file. */
  async #preview() {
    fileSource ??= workflowIn("./checkout.py");
    const source = await fileSource;
    if (this.source || !source) return;
    this.source = source;
    this.#drawSource(null, {});
  }

  /** @param {any} view what weft.frames() gave, or null @param {any} info the run */
  show(view, info) {
    const frames = innermost(view);
    const frame = frames.at(-1);
    if (frame?.source) this.source = frame.source;
    if (!this.source) return;
    const line = info.finished_at ? null : (frame?.line ?? null);
    const key = JSON.stringify([this.source.first_line, this.source.lines.length, line, info.status]);
    if (key !== this.drawn) {
      this.drawn = key;
      this.#drawSource(line, info);
    }
    if (frame) this.#drawVariables(frames);
    else if (info.status === "moved") this.variables.replaceChildren(h("p", { class: "empty", text: "The server holds them now. They come back with the order." }));
    if (info.finished_at) this.#drawResult(info);
  }

  #drawSource(line, info) {
    const { first_line: first, lines } = this.source;
    const rows = highlight(lines).map((content, index) => {
      const number = first + index;
      const here = number === line;
      return h(
        "div",
        { class: here ? "line here" : "line", "data-line": number, "aria-current": here ? "step" : null },
        h("span", { class: "number", text: String(number) }),
        h("code", {}, ...content),
      );
    });
    this.code.replaceChildren(...rows);
    this.place.textContent = line ? `waits at line ${line}` : "";
    this.#reveal();
  }

  /** Bring the waiting line into the middle of the pane without moving the page. */
  #reveal() {
    const here = this.code.querySelector(".here");
    if (!(here instanceof HTMLElement)) return;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.code.scrollTo({ top: here.offsetTop - this.code.clientHeight * 0.45, behavior: calm ? "auto" : "smooth" });
  }

  #drawVariables(frames) {
    const locals = frames.flatMap((frame) => frame.locals.map((local) => ({ ...local, name: frames.length > 1 ? `${frame.function} · ${local.name}` : local.name })));
    const rows = locals.map((local) => {
      const changed = this.values.size > 0 && this.values.get(local.name) !== local.text;
      return h(
        "tr",
        { class: changed ? "changed" : null },
        h("th", { scope: "row" }, local.name),
        h("td", { class: "type", text: local.type }),
        h("td", { class: "value" }, h("code", { text: local.text })),
      );
    });
    this.values = new Map(locals.map((local) => [local.name, local.text]));
    this.variables.replaceChildren(
      h("table", {}, h("thead", { class: "visually-hidden" }, h("tr", {}, ...["Name", "Type", "Value"].map((text) => h("th", { scope: "col", text })))), h("tbody", {}, ...rows)),
    );
  }

  #drawResult(info) {
    const outcome = info.error ? `${info.error.code}: ${info.error.message}` : JSON.stringify(info.result, null, 2);
    this.variables.replaceChildren(
      h("p", { class: "empty", text: "The run has ended; it keeps its outcome and no variables." }),
      h("pre", { class: "outcome" }, h("code", { text: outcome })),
    );
  }
}

/** @type {Promise<any> | null} */
let fileSource = null;

/** The first workflow of a file: from its decorator to the next statement at the margin. @param {string} url */
async function workflowIn(url) {
  const response = await fetch(new URL(url, document.baseURI)).catch(() => null);
  if (!response?.ok) return null;
  const lines = (await response.text()).split("\n");
  const first = lines.findIndex((line) => line.startsWith("@workflow"));
  const body = lines.findIndex((line, index) => index > first && line.startsWith("async def"));
  let end = lines.findIndex((line, index) => index > body && /^\S/.test(line));
  while (end > 0 && !lines[end - 1].trim()) end--;
  return first < 0 ? null : { first_line: first + 1, lines: lines.slice(first, end < 0 ? undefined : end) };
}

/** The frames of the task that is most worth looking at: the first with a source. @param {any} view */
function innermost(view) {
  const tasks = view?.tasks ?? [];
  return (tasks.find((task) => task.frames.some((frame) => frame.source)) ?? tasks[0])?.frames ?? [];
}

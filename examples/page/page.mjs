/**
 * A page for the examples:
 *
 *     weft browser build site --page examples/page $(ls examples/*.py | grep -v checkout_ | sed 's/^/-w /')
 *     python -m http.server --directory site
 *
 * What it shows comes from the client alone: runs from list(), their next moment from the tail of all runs.
 */
import { Weft } from "./weft/client.mjs";

/** @type {[file: string, workflow: string, input: object | unknown[]][]} */
const EXAMPLES = [
  ["welcome", "welcome", { name: "Ada" }],
  ["checkout", "checkout", { id: "A-1", items: [{ sku: "yarn", quantity: 3 }] }],
  ["approval", "approval", { id: "order-1", pause: 2 }],
  ["payment_review", "payment", { order: "A-9", cents: 250000 }],
  ["start_or_signal", "paid_order", { id: "A-7", total: 4900 }],
  ["order", "order", { id: "o-1", customer: "acme", cents: 4900, pause: 2 }],
  ["tail", "journey", { id: "parcel-1", places: ["Oslo", "Kiel", "Rome"], pause: 2 }],
  ["chaos", "onboarding", { mail: "ada@example.org", pause: 3 }],
  ["errors", "till", [4900, 99000]],
  ["step_form", "tour", { name: "Ada", pause: 2 }],
  ["generator_form", "relay", { runners: ["Ada", "Grace"], pause: 2 }],
];
/** What a person would say to a run that waits for this signal. @type {Record<string, object>} */
const SAY = {
  confirm: { confirmed: true, by: "you" },
  decision: { approved: true, by: "you" },
  payment: { part: "a part", cents: 2450 },
};

const at = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const weft = await Weft.open({
  workflows: EXAMPLES.map(([file]) => `./${file}.py`), name: "examples", serviceWorker: "./sw.mjs",
  onStatus: ({ state, stage, progress }) => (at("status").textContent = state === "loading" ? `${stage}, ${Math.round(progress * 100)} %` : state),
});

let again = false;
/** @type {Promise<void> | null} */ let refreshing = null;

for (const [file, workflow, input] of EXAMPLES) {
  const item = Object.assign(document.createElement("li"), { title: `examples/${file}.py` });
  item.append(button(workflow, () => weft.start(workflow, [input])));
  at("examples").append(item);
}

void (async () => {
  for await (const _ of weft.tail(null)) void refresh();
})();
await refresh();

/** One after the other: what was asked for later is shown later. */
function refresh() {
  again = true;
  return (refreshing ??= show().finally(() => (refreshing = null)));
}

async function show() {
  while (again) {
    again = false;
    await showOnce();
  }
}

async function showOnce() {
  const [{ items }, asked] = await Promise.all([weft.list({ limit: 20 }), weft.reviews({ status: "pending" })]);
  const reviews = new Map(asked.items.map((review) => [review.run_id, review.id]));
  at("empty").hidden = items.length > 0;
  at("runs").replaceChildren(...items.map((run) => row(run, reviews.get(run.id))));
}

/** @param {any} run @param {string | undefined} review that it waits for */
function row(run, review) {
  const cells = document.createElement("tr");
  const waits = document.createElement("td");
  for (const wait of run.waiting_for ?? []) {
    if (wait.kind === "signal" && SAY[wait.name]) waits.append(button(`signal ${wait.name}`, () => weft.signal(run.id, wait.name, SAY[wait.name])));
    else if (review) waits.append(button("approve", () => weft.submitReview(review, { decision: "approved", reviewer: "you" })));
    else waits.append(wait.kind);
  }
  const told = run.error ? `${run.error.code}: ${run.error.message}` : run.finished_at ? JSON.stringify(run.result) : "";
  cells.append(cell(run.workflow), cell(run.status), waits, cell(told, "code"));
  return cells;
}

/** @param {string} text @param {string} [inside] */
function cell(text, inside) {
  const made = document.createElement("td");
  if (inside) made.append(Object.assign(document.createElement(inside), { textContent: text }));
  else made.textContent = text;
  return made;
}

/** @param {string} text @param {() => Promise<unknown>} act */
function button(text, act) {
  const made = Object.assign(document.createElement("button"), { textContent: text });
  made.onclick = async () => {
    made.disabled = true;
    await act().catch((/** @type {Error} */ error) => alert(error.message));
    made.disabled = false;
  };
  return made;
}

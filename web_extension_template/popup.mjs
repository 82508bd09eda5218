/** The popup: starts the workflow and lists its newest runs. It may close at any moment; what it has asked for is written down. */
import { newId } from "./engine/asking.mjs";
import { connected, tell } from "./engine/connected.mjs";

const form = /** @type {HTMLFormElement} */ (document.querySelector("form"));
const runs = /** @type {HTMLElement} */ (document.querySelector("ul"));
const status = /** @type {HTMLElement} */ (document.querySelector("[role=status]"));

const say = (/** @type {string} */ text) => void (status.textContent = text);
const weft = connected(say);

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const id = newId("hello"); // tell() may have to ask twice: one id is one run
  tell({ t: "hello", name: new FormData(form).get("name"), id }).then(() => say("Started."), (error) => say(error.message));
});

async function show() {
  const { items } = await weft.list({ limit: 10 });
  runs.replaceChildren(...items.map(({ status, input, result, waiting_for: waits }) => {
    const line = document.createElement("li");
    line.textContent = `${input[0]}: ${status === "completed" ? result : [status, ...waits.map(({ kind }) => kind)].join(", ")}`;
    return line;
  }));
}

async function follow() {
  const changes = weft.tail(null); // from now on
  for (let next = changes.next(); ; next = changes.next()) {
    await show();
    await next;
  }
}

follow().catch((error) => say(error.message));

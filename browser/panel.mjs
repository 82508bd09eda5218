/**
 * The element `<weft-panel>`: the state of the engine, the runs, and a run's timeline, code and variables, with what can be done about it.
 *
 *     import "@weft/browser/panel";
 *     document.querySelector("weft-panel").weft = await Weft.open({ … });   // or connect({ … })
 *
 * Attributes: `theme` ("light", "dark"; else the page's colour scheme), `reviewer` (the name under which reviews are decided here).
 */
import { h } from "./panel_dom.mjs";
import { EngineView } from "./panel_engine.mjs";
import { RunsView } from "./panel_runs.mjs";
import { sheets } from "./panel_style.mjs";

/** @typedef {import("./client.mjs").Weft | import("./connection.mjs").Connection} Client */

/** Where a page is rendered on a server there are no elements; the module can be imported all the same. @type {typeof HTMLElement} */
const Base = globalThis.HTMLElement ?? class {};

export class WeftPanel extends Base {
  /** @type {Client | null} */ #weft = null;
  /** @type {(() => void)[]} what ends with the connection to the page */ #ends = [];

  /** The client that is shown. Setting it again, or null, lets go of the one before; the panel never closes it. */
  get weft() {
    return this.#weft;
  }

  set weft(weft) {
    this.#weft = weft;
    if (this.isConnected) this.#begin();
  }

  connectedCallback() {
    this.#begin();
  }

  disconnectedCallback() {
    this.#end();
  }

  #begin() {
    this.#end();
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = sheets();
    const weft = this.#weft;
    if (!weft) return root.replaceChildren(h("p", { class: "empty", text: "No engine is connected yet." }));
    const draw = () => engine.show(weft.status);
    const engine = new EngineView(async () => /** @type {any} */ (weft).availableUpdate?.apply(), draw);
    const runs = new RunsView(weft, () => this.getAttribute("reviewer") ?? undefined);
    this.#ends = [weft.onstatus(draw), () => runs.close(), listen(globalThis, ["online", "offline"], draw)];
    if (navigator.serviceWorker) this.#ends.push(followController(draw));
    root.replaceChildren(engine.element, runs.element);
  }

  #end() {
    for (const end of this.#ends.splice(0)) end();
  }
}

/** The service worker that serves this page, from its activation on. @param {() => void} draw */
function followController(draw) {
  let leave = () => {};
  const follow = () => {
    leave();
    const { controller } = navigator.serviceWorker;
    leave = controller ? listen(controller, ["statechange"], draw) : () => {};
    draw();
  };
  const stop = listen(navigator.serviceWorker, ["controllerchange"], follow);
  follow();
  return () => [stop, leave].forEach((end) => end());
}

/** @param {EventTarget} target @param {string[]} types @param {() => void} listener */
function listen(target, types, listener) {
  for (const type of types) target.addEventListener(type, listener);
  return () => types.forEach((type) => target.removeEventListener(type, listener));
}

if (globalThis.customElements && !customElements.get("weft-panel")) customElements.define("weft-panel", WeftPanel);

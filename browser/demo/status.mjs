/** The status strip and the load progress: what the engine, the store and the network can promise at this moment. */
import { announce, byId, bytes, h } from "./dom.mjs";
import { ENGINE, serviceWorker } from "./weft/panel_words.mjs";

/** @type {Record<string, [string, string]>} */
const SERVER = { unknown: ["not asked yet", ""], online: ["answers", "good"], offline: ["does not answer", "bad"], denied: ["not let in", "bad"] };

export class StatusStrip {
  constructor() {
    this.last = "";
    addEventListener("online", () => this.draw());
    addEventListener("offline", () => this.draw());
    const follow = () => {
      navigator.serviceWorker.controller?.addEventListener("statechange", () => this.draw());
      this.draw();
    };
    navigator.serviceWorker?.addEventListener("controllerchange", follow);
    /** @type {any} */ this.status = { state: "loading", progress: 0, stage: "starting", durability: "strict", storage: "direct", persisted: null, quota: null };
    /** @type {{cut: boolean}} */ this.network = { cut: false };
    this.draw();
  }

  /** @param {any} [status] */
  draw(status = this.status) {
    this.status = status;
    const [engine, mood] = ENGINE[status.state];
    const online = navigator.onLine && !this.network.cut;
    const worker = serviceWorker();
    byId("status").replaceChildren(
      pill("Engine", engine, mood, status.error?.message ?? status.stage),
      pill("Role", status.role === "follower" && status.standby === "warm" ? "follower, warm" : (status.role ?? "–"), "", "The tab that leads runs the engine; the others follow it and take over when it dies"),
      pill("Durability", status.durability, "", "strict: a step counts as done when the browser has flushed it to the disk"),
      pill("Storage", status.storage === "direct" ? "direct" : "via service worker", "", "Who writes to IndexedDB: the engine's worker itself, or the service worker"),
      pill("Network", online ? "online" : this.network.cut ? "cut (demo)" : "offline", online ? "good" : "bad", "What the browser, or the switch below, says"),
      status.server?.url ? pill("Server", ...SERVER[status.server.state], status.server.trouble || "The engine that orders can be handed over to") : "",
      pill("Service worker", worker.text, worker.mood, worker.about),
      pill("Persisted", status.persisted === null ? "unknown" : status.persisted ? "yes" : "not promised", "", "Whether the browser promised never to evict this data"),
      status.quota ? pill("Disk", bytes(status.quota.usage), "", `of ${bytes(status.quota.quota)} that this site may use`) : "",
    );
    this.#progress(status);
    if (engine !== this.last) announce(`Engine: ${engine}`);
    this.last = engine;
  }

  #progress({ state, progress, stage, error }) {
    const bar = byId("loadbar");
    const percent = Math.round(100 * progress);
    bar.classList.toggle("idle", state !== "loading");
    bar.setAttribute("aria-valuenow", String(percent));
    /** @type {HTMLElement} */ (bar.firstElementChild).style.setProperty("inline-size", `${Math.max(3, percent)}%`);
    byId("loading").textContent = state === "loading" ? `${percent} % · ${stage}` : state === "degraded" ? `The engine stopped: ${error?.message ?? stage}` : "";
  }
}

function pill(name, text, mood, about) {
  return h("li", { class: `pill ${mood}`, title: about ?? null, "data-name": name }, h("span", { class: "pill-name", text: name }), " ", h("span", { class: "pill-text", text }));
}

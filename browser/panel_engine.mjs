/** The upper part of the panel: what the engine, its store and the network can promise at this moment. */
import { bytes, h } from "./panel_dom.mjs";
import { ENGINE, serviceWorker } from "./panel_words.mjs";

/** @typedef {import("./status.mjs").Status} Status @typedef {import("./status.mjs").GuestStatus} GuestStatus */

/** @type {Record<"available" | "applying" | "applied", (build: string) => string>} */
const UPDATE = {
  available: (build) => `Build ${build} is ready. Runs go on where they stand.`,
  applying: (build) => `Changing over to build ${build}…`,
  applied: (build) => `Build ${build} has taken over. This tab changes over when it is reloaded.`,
};

export class EngineView {
  #notUpdated = "";

  /** @param {() => Promise<void>} applyUpdate @param {() => void} changed */
  constructor(applyUpdate, changed) {
    this.applyUpdate = applyUpdate;
    this.changed = changed;
    this.element = h("div");
    this.said = h("p", { class: "visually-hidden", role: "status" });
  }

  /** @param {Status | GuestStatus} status */
  show(status) {
    const [text, mood] = ENGINE[status.role === "guest" ? "guest" : status.state];
    const percent = "progress" in status ? Math.round(100 * status.progress) : 0;
    this.element.replaceChildren(
      h("div", { class: "engine" }, h("span", { class: `dot ${mood}` }), h("h2", { text: `Engine ${text}` }), h("span", { class: "soft", text: stage(status, percent) })),
      status.state === "loading" ? this.#load(percent) : "",
      h("p", { class: "trouble", text: status.error ? `${status.error.code}: ${status.error.message}` : this.#notUpdated }),
      "update" in status && status.update ? this.#update(status.update) : "",
      h("dl", { class: "facts" }, ...facts(status)),
      this.said,
    );
    const news = `Engine ${text}`;
    if (this.said.textContent !== news) this.said.textContent = news;
  }

  /** @param {number} percent */
  #load(percent) {
    const fill = h("span");
    fill.style.setProperty("inline-size", `${Math.max(3, percent)}%`);
    return h("div", { class: "load", role: "progressbar", "aria-label": "Loading Python", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": percent }, fill);
  }

  /** @param {import("./update.mjs").UpdateStatus} update */
  #update({ build, state }) {
    return h("div", { class: "update" },
      h("span", { text: UPDATE[state](build) }),
      state === "applied" ? "" : h("button", { class: "primary", type: "button", disabled: state === "applying", onclick: () => this.#apply(), text: "Update now" }));
  }

  async #apply() {
    this.#notUpdated = "";
    await this.applyUpdate().catch((error) => (this.#notUpdated = `Not updated: ${error.message}`));
    this.changed();
  }
}

/** @param {Status | GuestStatus} status @param {number} percent */
function stage(status, percent) {
  if (!("standby" in status)) return status.role === "guest" ? "in another tab, or in the background" : `${status.stage}; what is asked waits`;
  if (status.state === "loading") return `${percent} % · ${status.stage}`;
  if (status.role === "follower") return status.standby === "warm" ? "follower, ready to take over" : "follower";
  return status.role ?? status.stage;
}

const STORAGE = { direct: "direct", "service-worker": "service worker", extension: "extension" };

/** @param {Status | GuestStatus} status */
function facts(status) {
  const kept = status.persisted === null ? "unknown" : status.persisted ? "yes" : "not promised";
  return [
    fact("Durability", status.durability ?? "unknown", "strict: a step counts as done when the browser has flushed it to the disk"),
    ...("storage" in status ? [fact("Storage", STORAGE[status.storage], "Who writes to IndexedDB; or the browser's storage for extensions")] : []),
    fact("Kept for good", kept, "Whether the browser promised never to evict this data"),
    fact("Disk", status.quota ? `${bytes(status.quota.usage)} of ${bytes(status.quota.quota)}` : "unknown", "What this site uses of what it may use"),
    ...("storage" in status ? [ownWorker()] : []),
    fact("Network", navigator.onLine ? "online" : "offline", "What the browser says", navigator.onLine ? "" : "bad"),
  ];
}

/** Of a page that has an engine: who serves it. */
function ownWorker() {
  const { text, about, mood } = serviceWorker();
  return fact("Service worker", text, about, mood);
}

/** @param {string} name @param {string} text @param {string} about @param {string} [mood] */
const fact = (name, text, about, mood = "") => h("div", { class: mood, title: about }, h("dt", { text: name }), h("dd", { text }));

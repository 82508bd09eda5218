/** The demo page: opens Weft and keeps the views in step with the run that is looked at. */
import { announce, byId, h, svg } from "./dom.mjs";
import { wireFaults } from "./faults.mjs"; // before the client: it must see the worker being made
import { Books } from "./books.mjs";
import { crashesOf } from "./crashes.mjs";
import { CodeView } from "./code.mjs";
import { ICONS } from "./icons.mjs";
import { wireInstall } from "./install.mjs";
import { chipMood, orderNumber, outcome, runList } from "./runs.mjs";
import { serverOptions, whereabouts } from "./server.mjs";
import { Shop } from "./shop.mjs";
import { StatusStrip } from "./status.mjs";
import { Timeline } from "./weft/panel_timeline.mjs";
import { TIMELINE } from "./weft/panel_timeline_style.mjs";

const SERVICE_WORKER = "./sw.mjs";
const options = new URLSearchParams(location.search);

class Page {
  constructor() {
    /** @type {any} */ this.weft = null;
    /** @type {string} the run that is looked at */ this.selected = decodeURIComponent(location.hash.slice(1));
    /** @type {any[]} */ this.events = [];
    /** @type {any} */ this.info = null;
    /** @type {import("./weft/server.mjs").ServerOptions | undefined} */ this.server = undefined;
    this.strip = new StatusStrip();
    this.timeline = new Timeline(byId("timeline"));
    this.code = new CodeView(byId("code"), byId("vars"), byId("place-in-code"));
    this.books = new Books(byId("books"));
    this.shop = new Shop((order) => this.place(order));
    this.refresh = coalesced(() => this.#refresh());
    this.refreshList = coalesced(() => this.#refreshList());
    addEventListener("hashchange", () => this.select(decodeURIComponent(location.hash.slice(1))));
  }

  async open() {
    const [{ Weft }, server] = await Promise.all([import("./weft/client.mjs"), serverOptions()]);
    this.server = server;
    this.weft = await Weft.open({
      base: "./weft/",
      workflows: ["./checkout.py"],
      activities: ["./checkout_browser.py"],
      name: "shop",
      storage: options.get("storage") ?? "direct",
      serviceWorker: SERVICE_WORKER,
      server,
      onStatus: (status) => this.#status(status),
    });
    void this.#followAll();
    this.refreshList();
    if (this.selected) this.select(this.selected);
    else await this.#selectNewest();
  }

  /** @param {any} order */
  async place(order) {
    const run = await this.weft.start("checkout", [order], { id: order.id });
    announce(`Order ${order.id} placed`);
    this.select(run.id);
    if (matchMedia("(max-width: 64rem)").matches) byId("run-panel").scrollIntoView({ behavior: "smooth" });
  }

  /** @param {string} id */
  select(id) {
    if (!id || !this.weft || id === this.following) return;
    this.selected = this.following = id;
    if (decodeURIComponent(location.hash.slice(1)) !== id) history.replaceState(null, "", `#${encodeURIComponent(id)}`);
    this.events = [];
    this.info = null;
    this.timeline.clear();
    this.code.clear();
    this.books.show(null);
    void this.#follow(id);
    this.refreshList();
  }

  async #selectNewest() {
    const { items } = await this.weft.list({ limit: 1 });
    if (items.length && !this.selected) this.select(items[0].id);
  }

  async #follow(id) {
    try {
      for await (const event of this.weft.tail(id)) {
        if (this.following !== id) return;
        this.events.push(event);
        if (event.type === "run_recovered") announce("The run came back to life");
        this.refresh();
      }
    } catch (error) {
      if (this.following === id) byId("run-sub").textContent = `This order cannot be shown: ${error.message}`;
    }
    this.refresh();
  }

  async #followAll() {
    for await (const _ of this.weft.tail(null)) this.refreshList();
  }

  async #refresh() {
    const id = this.following;
    if (!id) return;
    const handoff = this.server ? this.weft.handoffState(id) : null;
    const [info, frames, place] = await Promise.all([this.weft.describe(id), this.weft.frames(id).catch(() => null), handoff]);
    if (id !== this.following) return;
    this.info = info;
    this.timeline.show(this.events, info, crashesOf(id));
    this.code.show(frames, info);
    this.books.show(info);
    this.#head(info, place && whereabouts(info, place));
  }

  async #refreshList() {
    const { items } = await this.weft.list({ limit: 20 });
    byId("runs").replaceChildren(runList(items, this.following ?? null, (id) => this.select(id)));
  }

  /** @param {any} info @param {import("./server.mjs").Whereabouts | null} where */
  #head(info, where) {
    const chips = info.status === "suspended" && where?.chip === "leaving" ? [] : [h("span", { class: `chip ${chipMood(info)}`, text: outcome(info) })];
    if (where?.chip && where.chip !== outcome(info)) chips.push(h("span", { class: "chip where", id: "where", text: where.chip }));
    byId("run-title").replaceChildren("Order ", h("span", { class: "order-id", text: orderNumber(info) }), " ", ...chips);
    byId("run-sub").textContent = where?.text ?? sentence(info);
    const asks = !info.finished_at && (info.waiting_for?.some((wait) => wait.kind === "signal" && wait.name === "confirm") || asksThere(info, this.events));
    const action = where?.action;
    const cut = this.strip.network.cut && action?.id === "hand-over";
    const key = JSON.stringify([info.id, asks, action?.text, cut]);
    if (byId("run-actions").dataset.key === key) return;
    byId("run-actions").dataset.key = key;
    const answer = (confirmed) => this.#acts(() => this.weft.signal(info.id, "confirm", { confirmed, by: "you" }), confirmed ? "Order confirmed" : "Order declined");
    const move = action && this.#acts(() => (action.back ? this.weft.takeBack(info.id) : this.weft.handoff(info.id, this.server?.url)), action.text);
    byId("run-actions").replaceChildren(
      ...(asks ? [h("button", { class: "primary", type: "button", id: "confirm", text: "Confirm and ship", onclick: answer(true) }), h("button", { type: "button", id: "decline", text: "Decline", onclick: answer(false) })] : []),
      ...(action ? [h("button", { type: "button", id: action.id, text: action.text, disabled: cut, title: cut ? "The cable is cut: go online first" : null, onclick: move })] : []),
    );
  }

  /** @param {() => Promise<any>} work @param {string} done what is announced */
  #acts(work, done) {
    return async () => {
      for (const button of byId("run-actions").querySelectorAll("button")) button.disabled = true;
      try {
        await work();
        announce(done);
      } catch (error) {
        byId("run-sub").textContent = error.message;
      }
      delete byId("run-actions").dataset.key; // draw the buttons anew, also when nothing has changed
      this.refresh();
    };
  }

  #status(status) {
    this.strip.draw(status);
    if (this.following) this.refresh(); // what the server said, or did not
    this.shop.enable(status.state === "ready" || status.state === "follower");
  }
}

/** @param {any} info */
function sentence(info) {
  const wait = info.waiting_for?.[0];
  if (info.status === "completed") return info.result?.status === "undone" ? `Everything was undone: ${info.result.reason}.` : "Every step is done, and each effect happened once.";
  if (info.error) return info.error.message;
  if (!wait) return "Working…";
  if (wait.kind === "signal") return "The card is charged; the parcel waits for your word. It will keep waiting, whatever you break.";
  return wait.kind === "sleep" ? "A durable pause: it goes on even if this tab is gone meanwhile." : "Working…";
}

/** An order on the server asks there; what is said to it here is passed on. @param {any} info @param {any[]} events */
function asksThere(info, events) {
  return info.status === "moved" && info.input?.[0]?.confirm !== false && !events.some(({ type }) => type === "signal_received");
}

/** At most one call at a time, and one more after it if it was asked for meanwhile. @param {() => Promise<void>} work */
function coalesced(work) {
  let busy = false;
  let again = false;
  return async function run() {
    if (busy) return void (again = true);
    busy = true;
    try {
      await work();
    } catch (error) {
      console.warn("the view could not be refreshed:", error);
    }
    busy = false;
    if (again) {
      again = false;
      void run();
    }
  };
}

function wireTheme() {
  const button = byId("theme");
  button.append(svg(ICONS.theme));
  const apply = (theme) => theme && (document.documentElement.dataset.theme = theme);
  apply(localStorage.getItem("theme"));
  button.addEventListener("click", () => {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark" || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
    localStorage.setItem("theme", dark ? "light" : "dark");
    apply(dark ? "light" : "dark");
  });
}

wireTheme();
wireInstall();
const style = new CSSStyleSheet();
style.replaceSync(TIMELINE);
document.adoptedStyleSheets.push(style);
const page = new Page();
globalThis.weftDemo = page; // for people with the console open, and for the tests
await wireFaults({
  script: SERVICE_WORKER,
  selected: () => page.selected,
  onCable: (cut) => {
    page.strip.network.cut = cut;
    page.strip.draw();
    if (page.following) page.refresh();
  },
});
page.open().catch((error) => {
  byId("loading").textContent = `Weft could not start: ${error.message}`;
  console.error(error);
});

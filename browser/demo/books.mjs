/** The shop's own books for one order: the proof from the other side that each effect happened once. */
import { h } from "./dom.mjs";
import { orderNumber } from "./runs.mjs";

const WORDS = { reserve: "reserved", charge: "charged", receipt: "receipt", ship: "shipped", refund: "refunded", release: "released" };

export class Books {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    this.reading = false;
  }

  /** @param {any} info the run, or null to clear */
  async show(info) {
    if (!info) {
      this.id = null;
      this.place.replaceChildren();
      return;
    }
    this.id = info.id;
    if (this.reading) return void (this.again = info);
    this.reading = true;
    const effects = await this.#read(orderNumber(info));
    this.reading = false;
    if (this.id === info.id) this.#draw(effects);
    const next = this.again;
    this.again = null;
    if (next) void this.show(next);
  }

  /** @param {string} order @returns {Promise<any[] | null>} null: the shop cannot be reached */
  async #read(order) {
    try {
      const response = await fetch(new URL("api/effects", document.baseURI), { cache: "no-store" });
      const { effects } = await response.json();
      return effects.filter((effect) => effect.order === order);
    } catch {
      return null;
    }
  }

  #draw(effects) {
    const entries = (effects ?? []).map((effect) =>
      h(
        "li",
        { class: effect.count === 1 ? "good" : effect.count ? "bad" : "busy" },
        h("span", { text: WORDS[effect.operation] ?? effect.operation }),
        h("b", { text: `${effect.count}×` }),
        effect.attempts > effect.count ? h("small", { text: `asked ${effect.attempts}×` }) : null,
      ),
    );
    const body = effects === null ? h("p", { class: "empty", text: "The shop cannot be reached; what it is owed waits in the workflow." })
      : entries.length ? h("ul", {}, ...entries) : h("p", { class: "empty", text: "Nothing yet." });
    this.place.replaceChildren(h("h3", { text: "The shop’s own books" }), body);
  }
}

/** The shop front: what is for sale, the cart, and the order form. Prices are those of checkout.py, which has the last word. */
import { byId, h, money, svg } from "./dom.mjs";
import { PICTURES } from "./icons.mjs";

const PRODUCTS = [
  { sku: "loom", title: "Table loom", price: 18900 },
  { sku: "shuttle", title: "Boat shuttle", price: 2450 },
  { sku: "yarn", title: "Wool yarn, 100 g", price: 890 },
  { sku: "heddle", title: "Heddles, set of 50", price: 1275 },
];
const FREE_SHIPPING_FROM = 15000;
const SHIPPING = 595;

export class Shop {
  /** @param {(order: object) => Promise<void>} place */
  constructor(place) {
    this.form = /** @type {HTMLFormElement} */ (byId("shop"));
    this.button = /** @type {HTMLButtonElement} */ (byId("place"));
    this.quantities = new Map([["loom", 0], ["shuttle", 1], ["yarn", 3], ["heddle", 0]]);
    byId("products").replaceChildren(...PRODUCTS.map((product) => this.#product(product)));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit(place);
    });
    this.#sum();
  }

  /** @param {boolean} ready */
  enable(ready) {
    this.ready = ready;
    this.#sum();
  }

  #product({ sku, title, price }) {
    const count = h("output", { class: "count", "aria-live": "polite", text: String(this.quantities.get(sku)) });
    const change = (by) => {
      const next = Math.min(20, Math.max(0, this.quantities.get(sku) + by));
      this.quantities.set(sku, next);
      count.textContent = String(next);
      item.classList.toggle("chosen", next > 0);
      this.#sum();
    };
    const item = h(
      "li",
      { class: this.quantities.get(sku) ? "product chosen" : "product" },
      svg(PICTURES[sku]),
      h("div", { class: "product-text" }, h("strong", { text: title }), h("span", { text: money(price) })),
      h(
        "div",
        { class: "stepper", role: "group", "aria-label": title },
        h("button", { type: "button", "aria-label": `One ${title} less`, text: "−", onclick: () => change(-1) }),
        count,
        h("button", { type: "button", "aria-label": `One ${title} more`, text: "+", onclick: () => change(1) }),
      ),
    );
    return item;
  }

  #sum() {
    const goods = PRODUCTS.reduce((sum, { sku, price }) => sum + price * this.quantities.get(sku), 0);
    const shipping = goods === 0 || goods >= FREE_SHIPPING_FROM ? 0 : SHIPPING;
    const line = (name, text, extra = "") => h("div", { class: extra }, h("dt", { text: name }), h("dd", { text }));
    byId("sums").replaceChildren(
      line("Goods", money(goods)),
      line("Shipping", goods > 0 && shipping === 0 ? "free" : money(shipping)),
      line("Total", money(goods + shipping), "total"),
    );
    this.button.disabled = !this.ready || goods === 0;
    this.button.textContent = !this.ready ? "Python is loading…" : goods === 0 ? "Choose something" : `Place order · ${money(goods + shipping)}`;
  }

  async #submit(place) {
    const fields = new FormData(this.form);
    const order = {
      id: orderNumber(),
      items: [...this.quantities].filter(([, quantity]) => quantity > 0).map(([sku, quantity]) => ({ sku, quantity })),
      email: String(fields.get("email")),
      address: String(fields.get("address")),
      confirm: fields.has("confirm"),
      pause: "6s",
    };
    this.button.disabled = true;
    byId("shop-hint").textContent = "";
    try {
      await place(order);
    } catch (error) {
      byId("shop-hint").textContent = `The order was not placed: ${error.message}`;
    } finally {
      this.#sum();
    }
  }
}

/** Short enough to read out, random enough for a demo: 36^5 is 60 million. */
function orderNumber() {
  const letters = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
  return `A-${[...crypto.getRandomValues(new Uint8Array(5))].map((byte) => letters[byte % letters.length]).join("")}`;
}

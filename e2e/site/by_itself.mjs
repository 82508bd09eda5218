/** A page that nobody drives: it carries an order out, and changes over as soon as a new build waits. It speaks through the shop only. */
import { BUILD } from "./weft/build.mjs";
import { Weft } from "./weft/client.mjs";

const LOOK_MS = 500;

/** @param {Weft} weft @param {string} id */
const order = (weft, id) => weft.start("checkout", [{ id, items: [{ sku: "yarn", quantity: 1 }], email: null, address: null, confirm: false, pause: "10ms" }], { id });

const weft = await Weft.open({
  workflows: ["./checkout.py"], activities: ["./checkout_browser.py"], name: "by-itself", storage: "service-worker", serviceWorker: "./sw.mjs", snapshot: "off",
  onUpdateAvailable: (update) => void update.apply().catch((error) => order(weft, `failed: ${error.message}`)),
});
await navigator.serviceWorker.ready;
const { id } = await order(weft, `${await (await fetch("edition.txt")).text()} ${BUILD}`);
await weft.result(id);
setInterval(() => void weft.checkForUpdate(), LOOK_MS);

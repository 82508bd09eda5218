/** A page of which the panel is all there is. Tails are counted: none may be left when the panel is gone. */
import "./weft/panel.mjs";
import { Weft } from "./weft/client.mjs";

const weft = await Weft.open({ base: "./weft/", workflows: ["./purchase.py"], name: "panel", serviceWorker: "./sw.mjs" });
globalThis.weft = weft;
globalThis.tails = 0;
const tail = weft.tail.bind(weft);
weft.tail = async function* counted(...args) {
  globalThis.tails++;
  try {
    yield* tail(...args);
  } finally {
    globalThis.tails--;
  }
};
document.querySelector("weft-panel").weft = weft;

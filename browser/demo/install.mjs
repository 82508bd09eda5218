/** The button that installs this page as an app. It is there only while the browser would do so; an installed app's data is evicted last. */
import { announce, byId } from "./dom.mjs";

/** What the browser holds ready until the button is pressed. @type {any} */
let offer = null;

export function wireInstall() {
  const button = byId("install");
  const show = (/** @type {any} */ next) => {
    offer = next;
    button.hidden = !next;
  };
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault(); // the browser's own banner would come at a moment of its choosing
    show(event);
  });
  addEventListener("appinstalled", () => {
    show(null);
    announce("The shop is installed as an app");
  });
  button.addEventListener("click", async () => {
    const asked = offer;
    show(null); // an offer can be made once; the browser sends another if it is dismissed
    await asked?.prompt();
  });
}

/** A page of plain files: the client comes from the unpacked npm package, the rest from the folder that was built. */
import { Weft } from "./vendor/client.mjs";

const weft = await Weft.open({ base: "./weft/", workflows: ["./welcome.py"], serviceWorker: "./sw.mjs" });
const form = document.querySelector("form");
form.querySelector("button").disabled = false;
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const run = await weft.start("welcome", [{ name: form.elements.name.value, pause: "10ms" }]);
  document.querySelector("output").value = (await weft.result(run.id)).greeting;
});

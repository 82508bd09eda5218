/** A page without an engine of its own, which talks to the one of another tab; it can have a worker and a Service Worker do the same. */
import "./weft/panel.mjs";
import { connect } from "./weft/connection.mjs";

globalThis.weft = connect({ name: new URLSearchParams(location.search).get("name") ?? "e2e", deadlineMs: 90_000 });
globalThis.statuses = [];
weft.onstatus(({ state, role }) => statuses.push(`${state} ${role}`));
document.querySelector("weft-panel").weft = weft;

/** Resolves when the status is so. @param {string} state */
globalThis.becomes = (state) => new Promise((resolve) => {
  const stop = weft.onstatus((status) => {
    if (status.state !== state) return;
    queueMicrotask(() => stop());
    resolve(status);
  });
});

/** @param {Worker | ServiceWorker} worker @param {string} id of a run */
const ask = (worker, id) => new Promise((resolve) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => resolve(data);
  worker.postMessage(id, [port2]);
});

globalThis.askWorker = (id) => ask(new Worker("./guest_worker.mjs", { type: "module" }), id);

globalThis.askServiceWorker = async (id) => {
  const registration = await navigator.serviceWorker.register("./guest_worker.mjs", { type: "module", scope: "./guest/" });
  const worker = registration.active ?? registration.installing ?? registration.waiting;
  if (worker.state !== "activated") {
    await new Promise((resolve) => worker.addEventListener("statechange", () => worker.state === "activated" && resolve()));
  }
  return ask(worker, id);
};

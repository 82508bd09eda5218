/** Runs storage checks in a worker; `window.check(what, options)` resolves with the Python report. */
import { Broker } from "./weft/broker.mjs";

const broker = new Broker("./sw.mjs");
const worker = new Worker("./store_worker.mjs", { type: "module" });
worker.onerror = (event) => console.error(`store_worker.mjs: ${event.message} ${event.filename}:${event.lineno}`);
const waiting = new Map();
worker.onmessage = ({ data }) => {
  if (data.t === "need-port") void broker.connect(worker, data.id);
  else waiting.get(data.id)(data);
};
let last = 0;
window.check = async (what, options = {}) => {
  if (options.storage === "service-worker") await broker.register();
  const id = ++last;
  worker.postMessage({ t: "check", id, what, options });
  const { ok, error } = await new Promise((resolve) => waiting.set(id, resolve));
  if (error) throw new Error(error);
  return JSON.parse(ok);
};
window.registerServiceWorker = async () => Boolean(await broker.register());
window.ready = true;

/** What the benchmark driver calls: each function measures one thing in new workers and resolves with numbers. */
import { Weft } from "./weft/client.mjs";

const staying = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function inWorker(message, stay = 0) {
  const worker = new Worker("./bench_worker.mjs", { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.ok ?? performance.now()));
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(message);
  }).finally(() => staying(stay).then(() => worker.terminate()));
}

/** Milliseconds from making a worker to the first line of Python in a stock Pyodide. The worker stays for so long after it. */
window.stockBoot = async (stay = 0) => {
  const began = performance.now();
  return (await inWorker({ what: "stock" }, stay)) - began;
};

/** Milliseconds from opening Weft on an empty store to the first recorded step of a run. The page stays for so long after it. */
window.weftBoot = async (snapshot = "off", stay = 0) => {
  const began = performance.now();
  const weft = await Weft.open({ workflows: ["./bench_flow.py"], name: `boot-${began}-${Math.random()}`, persist: false, snapshot });
  const opened = performance.now() - began;
  const run = await weft.start("bench", [1]);
  await weft.result(run.id);
  const step = performance.now() - began;
  const from = weft.status.boot.from;
  await staying(stay);
  await weft.close();
  return { opened, step, from };
};

/** Resolves when the browser keeps a snapshot, or with why not. */
window.keepSnapshot = async () => {
  const weft = await Weft.open({ workflows: ["./bench_flow.py"], name: "keep", persist: false, snapshot: "soon" });
  const outcome = await new Promise((resolve) => weft.onstatus(({ snapshot }) => snapshot !== "none" && resolve(snapshot)));
  await weft.close();
  return outcome;
};

/** Milliseconds of a strict step, and of a bare strict put of the same bytes, in one worker. */
window.steps = (count) => inWorker({ what: "steps", count });
window.install = async () => {
  await navigator.serviceWorker.register("./sw.mjs", { type: "module" });
  await navigator.serviceWorker.ready;
};
window.ready = true;

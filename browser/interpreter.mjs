/** Loads Python: the runtime, the packages of the build and the author's files. Knows nothing of engines or tabs. */
import "./native_errors.mjs";
import { AssetError, Assets } from "./assets.mjs";
import { Runtime } from "./runtime.mjs";
import { Snapshots, noteOf, snapshotKey } from "./snapshots.mjs";

/**
 * @typedef {{workflows: string[], activities: string[], base: string, cache?: string | null, snapshot?: boolean, modules?: import("./runtime.mjs").Modules}} Sources
 * absolute URLs; see Assets for `cache`; `snapshot`: start from the one that is kept, if there is one; see Runtime for `modules`
 * @typedef {{from: "scratch" | "snapshot", note: import("./snapshots.mjs").SnapshotNote | null}} Boot how Python was started; the note says why not
 * from the snapshot that was there
 */

const APP = "/weft_app";

/**
 * @param {Sources} sources @param {(stage: string, progress: number) => void} report `progress` never falls
 * @returns {Promise<{python: any, workflows: string[], activities: string[], build: string, boot: Boot}>} module names, in the order given
 */
export async function loadInterpreter(sources, report) {
  const assets = new Assets(sources.base, sources.cache ?? null, (loaded) => report(loaded < 1 ? "loading Python" : "starting Python", loaded / 2));
  report("loading Python", 0);
  const manifest = await assets.open();
  const runtime = new Runtime(assets, manifest, sources.modules ?? null);
  const files = readFiles(assets, [...sources.workflows, ...sources.activities]);
  const { python, boot } = await start(runtime, sources.base, sources.snapshot ?? false);
  report("importing workflows", 0.8);
  const names = (await files).map((file) => writeSource(python, file));
  return {
    python, boot, build: manifest.build,
    workflows: names.slice(0, sources.workflows.length), activities: names.slice(sources.workflows.length),
  };
}

/** From the snapshot if there is one that fits, else from scratch. @param {Runtime} runtime @param {string} base @param {boolean} wanted @returns {Promise<{python: any, boot: Boot}>} */
async function start(runtime, base, wanted) {
  const { file, note: why } = wanted ? await find(runtime, base) : {};
  let note = why ?? null;
  if (file) {
    try {
      return { python: await wake(runtime, file), boot: { from: "snapshot", note: null } };
    } catch (error) {
      if (error instanceof AssetError) throw error;
      note = noteOf(error);
    } finally {
      file.close();
    }
  }
  if (note && note.code !== "SnapshotMismatch") await new Snapshots(base).forget().catch(() => {}); // a browser that keeps nothing has no place either
  const python = await runtime.start();
  await runtime.unpackWheels(python);
  return { python, boot: { from: "scratch", note } };
}

/** @param {Runtime} runtime @param {string} base @returns {Promise<import("./snapshots.mjs").Found>} */
async function find(runtime, base) {
  try {
    const key = await snapshotKey(runtime.manifest);
    return key ? await new Snapshots(base).find(key) : {};
  } catch (error) { // a private window may refuse the place
    return { note: noteOf(error) };
  }
}

/** @param {Runtime} runtime @param {import("./snapshot_file.mjs").SnapshotFile} file */
async function wake(runtime, file) {
  const python = await runtime.restore(file);
  await runtime.unpackWheels(python);
  const warm = python.pyimport("weft_browser.warm");
  warm.wake();
  warm.destroy();
  return python;
}

/** @typedef {{url: string, text: string, compiled: Uint8Array | null}} File an author's file, and what the build compiled of it */

/** @param {Assets} assets @param {string[]} urls @returns {Promise<File[]>} */
function readFiles(assets, urls) {
  const reading = Promise.all(urls.map(async (url) => {
    const [text, compiled] = await Promise.all([assets.source(url), assets.compiled(url)]);
    return { url, text, compiled };
  }));
  reading.catch(() => {}); // awaited after Python
  return reading;
}

/**
 * The file becomes an importable module of its own name, with what the build compiled of it beside it. Python uses that only if the text is the
 * one that was compiled.
 * @param {any} python @param {File} file @returns {string} the module's name
 */
function writeSource(python, { url, text, compiled }) {
  const name = decodeURIComponent(new URL(url).pathname.split("/").pop() ?? "");
  if (!/^[A-Za-z_]\w*\.py$/.test(name)) throw new AssetError(url, "is no Python module: its file name must be a Python name ending in .py");
  python.FS.mkdirTree(APP);
  python.FS.writeFile(`${APP}/${name}`, text);
  if (compiled) python.FS.writeFile(`${APP}/${name.replace(/py$/, "weft")}`, compiled);
  return name.slice(0, -3);
}

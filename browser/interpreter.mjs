/** Loads Python: the runtime, the packages of the build and the author's files. Knows nothing of engines or tabs. */
import "./native_errors.mjs";
import { AssetError, Assets } from "./assets.mjs";

/** @typedef {{workflows: string[], activities: string[], base: string, cache?: string | null}} Sources absolute URLs; see Assets for `cache` */

const APP = "/weft_app";

/**
 * @param {Sources} sources @param {(stage: string, progress: number) => void} report
 * @returns {Promise<{python: any, workflows: string[], activities: string[], build: string}>} module names, in the order given
 */
export async function loadInterpreter(sources, report) {
  const assets = new Assets(sources.base, sources.cache ?? null, (loaded) => report(loaded < 1 ? "loading Python" : "starting Python", loaded / 2));
  report("loading Python", 0);
  const manifest = await assets.open();
  const at = (/** @type {string} */ name) => new URL(name, sources.base).href;
  const urls = [...sources.workflows, ...sources.activities];
  const texts = Promise.all(urls.map((url) => assets.source(url)));
  const compiled = Promise.all(urls.map((url) => assets.compiled(url)));
  const packages = Promise.all(manifest.packages.map((path) => assets.bytes(new URL(path, assets.root).href)));
  texts.catch(() => {}); // awaited below, after Python
  compiled.catch(() => {});
  packages.catch(() => {});
  // The module loader cannot be given bytes, so modules are read and checked before it; its own read comes from the same cache.
  await Promise.all(["pyodide.mjs", "pyodide.asm.mjs"].map((name) => assets.bytes(at(name))));
  // A damaged runtime may fail with another error, or with none: the checks say what is wrong.
  const python = await Promise.race([assets.serving(() => loadPyodide(at, manifest.lock)), assets.failure]).catch(async (error) => {
    await assets.verified();
    throw error;
  });
  await assets.verified();
  report("unpacking packages", 0.7);
  for (const archive of await packages) python.unpackArchive(archive, "wheel");
  const names = writeSources(python, urls, await texts, await compiled);
  report("importing workflows", 0.8);
  return {
    python, build: manifest.build,
    workflows: names.slice(0, sources.workflows.length), activities: names.slice(sources.workflows.length),
  };
}

/** @param {(name: string) => string} at @param {object} lock */
async function loadPyodide(at, lock) {
  const again = () => import(at("pyodide.mjs?again")); // a module that failed once stays failed under its name
  const { loadPyodide: load } = await import(at("pyodide.mjs")).catch(again).catch((error) => {
    throw new AssetError("weft/pyodide.mjs", `cannot be loaded (${error.message})`);
  });
  return load({
    indexURL: at("./"),
    stdLibURL: at("stdlib.zip"),
    lockFileContents: lock,
    packageBaseUrl: at("./"),
    stdout: (/** @type {string} */ line) => console.log(line),
    stderr: (/** @type {string} */ line) => console.warn(line),
  });
}

/**
 * Each file becomes an importable module of its own name, with what the build compiled of it beside it. Python uses that only if the text is
 * the one that was compiled.
 * @param {any} python @param {string[]} urls @param {string[]} texts @param {(Uint8Array | null)[]} compiled
 */
function writeSources(python, urls, texts, compiled) {
  python.FS.mkdirTree(APP);
  return urls.map((url, i) => {
    const file = decodeURIComponent(new URL(url).pathname.split("/").pop() ?? "");
    if (!/^[A-Za-z_]\w*\.py$/.test(file)) throw new AssetError(url, "is no Python module: its file name must be a Python name ending in .py");
    python.FS.writeFile(`${APP}/${file}`, texts[i]);
    if (compiled[i]) python.FS.writeFile(`${APP}/${file.replace(/py$/, "weft")}`, compiled[i]);
    return file.slice(0, -3);
  });
}

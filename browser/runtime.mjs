/** Starts Pyodide from the checked files of a build: from scratch, or from a memory snapshot. Knows no workflows. */
import { AssetError } from "./assets.mjs";

/** Where Python has the archives of the build; `precompile.py` and `warm.py` know these names too. */
const STDLIB = "stdlib.zip";
const OWN = "/lib/weft.zip";

/** @typedef {{loadPyodide: (options: object) => Promise<any>, createPyodideModule: Function}} Modules */

export class Runtime {
  /**
   * Begins to read.
   * @param {import("./assets.mjs").Assets} assets @param {import("./assets.mjs").Manifest} manifest
   * @param {Modules | null} [modules] Pyodide's, for a context that may not import them at run time: a Service Worker
   */
  constructor(assets, manifest, modules = null) {
    this.modules = modules;
    this.assets = assets;
    this.manifest = manifest;
    this.stdlib = assets.unpacked(this.#at("stdlib.pack"));
    this.own = assets.unpacked(this.#at("weft.pack"));
    this.wheels = Promise.all(manifest.packages.map((path) => assets.bytes(new URL(path, assets.root).href)));
    for (const reading of [this.stdlib, this.own, this.wheels]) reading.catch(assets.fail);
  }

  /** Python with our code on its path. @param {{_loadSnapshot?: ArrayBuffer, _makeSnapshot?: boolean}} [snapshot] options of Pyodide @returns {Promise<any>} */
  async start(snapshot = {}) {
    // The module loader cannot be given bytes, so modules are read and checked before it; its own read comes from the same cache.
    if (!this.modules) await Promise.all(["pyodide.mjs", "pyodide.asm.mjs"].map((name) => this.assets.bytes(this.#at(name))));
    const made = { [this.#at(STDLIB)]: this.stdlib };
    // A damaged runtime may fail with another error, or with none: the checks say what is wrong.
    const python = await Promise.race([this.assets.serving(made, () => this.#loadPyodide(snapshot)), this.assets.failure]).catch(async (error) => {
      await this.assets.verified();
      throw error;
    });
    await this.assets.verified();
    python.FS.writeFile(OWN, await this.own);
    if (!snapshot._loadSnapshot) importFrom(python, OWN);
    return python;
  }

  /** The wheels, which no snapshot can hold: one of them is a C extension. @param {any} python */
  async unpackWheels(python) {
    for (const wheel of await this.wheels) python.unpackArchive(wheel, "wheel");
  }

  /** @param {{_loadSnapshot?: ArrayBuffer}} options */
  async #loadPyodide(options) {
    const { loadPyodide, createPyodideModule } = this.modules ?? (await this.#imported());
    const size = options._loadSnapshot?.byteLength ?? 0;
    return loadPyodide({
      createPyodideModule: (/** @type {Settings} */ settings) => createPyodideModule(withRoom(settings, size)),
      indexURL: this.#at("./"),
      stdLibURL: this.#at(STDLIB),
      lockFileContents: this.manifest.lock,
      packageBaseUrl: this.#at("./"),
      stdout: (/** @type {string} */ line) => console.log(line),
      stderr: (/** @type {string} */ line) => console.warn(line),
      ...options,
    });
  }

  /** @returns {Promise<Modules>} */
  async #imported() {
    const [{ loadPyodide }, { default: createPyodideModule }] = await Promise.all(["pyodide.mjs", "pyodide.asm.mjs"].map((name) => this.#module(name)));
    return { loadPyodide, createPyodideModule };
  }

  /** @param {string} name @returns {Promise<any>} */
  #module(name) {
    const again = () => import(this.#at(`${name}?again`)); // a module that failed once stays failed under its name
    return import(this.#at(name)).catch(again).catch((error) => {
      throw new AssetError(`weft/${name}`, `cannot be loaded (${error.message})`);
    });
  }

  /** @param {string} name */
  #at(name) {
    return new URL(name, this.assets.base).href;
  }
}

/**
 * @typedef {(instance: WebAssembly.Instance, module: WebAssembly.Module) => void} Received
 * @typedef {{instantiateWasm: (imports: WebAssembly.Imports, received: Received) => unknown}} Settings of Emscripten, as Pyodide makes them
 */

const PAGE_BYTES = 65_536;

/**
 * Pyodide asks for as much memory as a snapshot has, but its build does not listen: where the copied Python's memory had grown, so must the copy's.
 * @param {Settings} settings @param {number} size bytes
 */
function withRoom(settings, size) {
  const { instantiateWasm } = settings;
  settings.instantiateWasm = (imports, received) =>
    instantiateWasm(imports, (instance, module) => {
      const memory = /** @type {WebAssembly.Memory} */ (instance.exports.memory);
      const missing = Math.ceil((size - memory.buffer.byteLength) / PAGE_BYTES);
      if (missing > 0) memory.grow(missing);
      received(instance, module);
    });
  return settings;
}

/** From now on our modules are imported from the archive, by its own importer. @param {any} python @param {string} archive */
function importFrom(python, archive) {
  const sys = python.pyimport("sys");
  const path = sys.path;
  path.append(archive);
  path.destroy();
  sys.destroy();
  const packed = python.pyimport("weft_browser.packed");
  packed.install();
  packed.destroy();
}

/** Starts Pyodide from the checked files of a build: from scratch, or from a memory snapshot. Knows no workflows. */
import { AssetError } from "./assets.mjs";
import { loadModule } from "./load_module.mjs";

/** Where Python has the archives of the build; `precompile.py` and `warm.py` know these names too. */
const STDLIB = "stdlib.zip";
const OWN = "/lib/weft.zip";

/**
 * @typedef {{loadPyodide: (options: object) => Promise<any>, createPyodideModule: Function}} Modules
 * @typedef {{stdlib: Uint8Array<ArrayBuffer>, own: Uint8Array<ArrayBuffer>}} Archives zips of Python's library and of our modules
 */

export class Runtime {
  /**
   * Begins to read what every start needs.
   * @param {import("./assets.mjs").Assets} assets @param {import("./assets.mjs").Manifest} manifest
   * @param {Modules | null} [modules] Pyodide's, for a context that may not import them at run time: a Service Worker
   */
  constructor(assets, manifest, modules = null) {
    this.assets = assets;
    this.manifest = manifest;
    this.loadPyodide = Promise.resolve(modules?.loadPyodide ?? this.#module("pyodide.mjs").then((module) => module.loadPyodide));
    this.createPyodideModule = Promise.resolve(modules?.createPyodideModule ?? this.#module("pyodide.asm.mjs").then((module) => module.default));
    this.wheels = Promise.all(manifest.packages.map((path) => assets.bytes(new URL(path, assets.root).href)));
    for (const reading of [this.loadPyodide, this.createPyodideModule, this.wheels]) reading.catch(assets.fail);
  }

  /** The archives of the build, for a start that has none from elsewhere. @returns {Promise<Archives>} */
  unpackArchives() {
    const unpacking = Promise.all(["stdlib.pack", "weft.pack"].map((name) => this.assets.unpacked(this.#at(name))));
    unpacking.catch(this.assets.fail);
    return unpacking.then(([stdlib, own]) => ({ stdlib, own }));
  }

  /**
   * Python with our code on its path.
   * @param {Promise<Archives>} [archives] @param {{_makeSnapshot?: boolean}} [more] options of Pyodide @returns {Promise<any>}
   */
  async start(archives = this.unpackArchives(), more = {}) {
    const python = await this.#started(archives.then(({ stdlib }) => stdlib), more);
    python.FS.writeFile(OWN, (await archives).own);
    importFrom(python, OWN);
    return python;
  }

  /** As it was when the snapshot was made. @param {import("./snapshot_file.mjs").SnapshotFile} file @returns {Promise<any>} */
  async restore(file) {
    const { stdlib, own } = await file.archives();
    /** Before Python's first line. @param {Settings} settings @param {Function} createPyodideModule */
    const createRestored = async (settings, createPyodideModule) => {
      const python = await createPyodideModule(withRoom(settings, file.memoryBytes));
      await file.readMemory(python.HEAPU8);
      for (const name of python.FS.readdir("/lib")) if (name.endsWith(".zip")) python.FS.writeFile(`/lib/${name}`, stdlib, { canOwn: true });
      python.FS.writeFile(OWN, own, { canOwn: true });
      return python;
    };
    const nothing = Promise.resolve(new Uint8Array());
    return this.#started(nothing, { _loadSnapshot: file.pyodideHead() }, createRestored);
  }

  /** @param {Promise<Uint8Array>} stdlib @param {object} more @param {(settings: Settings, createPyodideModule: Function) => Promise<any>} [create] */
  async #started(stdlib, more, create = (settings, createPyodideModule) => createPyodideModule(settings)) {
    const made = { [this.#at(STDLIB)]: stdlib };
    // A damaged runtime may fail with another error, or with none: the checks say what is wrong.
    const python = await Promise.race([this.assets.serving(made, () => this.#loadPyodide(more, create)), this.assets.failure]).catch(async (error) => {
      await this.assets.verified();
      throw error;
    });
    await this.assets.verified();
    return python;
  }

  /** The wheels, which no snapshot can hold: one of them is a C extension. @param {any} python */
  async unpackWheels(python) {
    for (const wheel of await this.wheels) python.unpackArchive(wheel, "wheel");
  }

  /** @param {object} more @param {(settings: Settings, createPyodideModule: Function) => Promise<any>} create */
  async #loadPyodide(more, create) {
    const loadPyodide = await this.loadPyodide; // it loads the WebAssembly while the other script is compiled
    return loadPyodide({
      createPyodideModule: async (/** @type {Settings} */ settings) => create(settings, await this.createPyodideModule),
      indexURL: this.#at("./"),
      stdLibURL: this.#at(STDLIB),
      lockFileContents: this.manifest.lock,
      packageBaseUrl: this.#at("./"),
      stdout: (/** @type {string} */ line) => console.log(line),
      stderr: (/** @type {string} */ line) => console.warn(line),
      ...more,
    });
  }

  /** The module loader cannot be given bytes, so they are read twice, from the same cache. @param {string} name @returns {Promise<any>} */
  #module(name) {
    const url = this.#at(name);
    this.assets.check(url);
    return loadModule(url).catch((error) => {
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
 * Where the copied Python's memory had grown, so must the copy's, before Pyodide looks at it.
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

/**
 * Where a browser keeps snapshots: in a file of the origin, which a worker reads straight into Python's memory; in a cache where there are no
 * such files, as in WebKitGTK. From a cache Chromium takes four times as long.
 */

/**
 * @typedef {import("./snapshot_file.mjs").Bytes} Bytes
 * @typedef {object} Place
 * @property {() => Promise<string[]>} names of what is kept
 * @property {(name: string) => Promise<import("./snapshot_file.mjs").Reader>} open
 * @property {(name: string, parts: Bytes[]) => Promise<void>} write all of it or nothing; only in a worker of a page
 * @property {(name: string) => Promise<void>} remove
 */

/** @param {string} base URL of the build; sites of one origin share the space @returns {Promise<Place | null>} null where nothing is kept */
export async function placeOf(base) {
  const name = `weft-python:${new URL(base).pathname}`;
  const files = await navigator.storage?.getDirectory?.().catch(() => null); // a private window may refuse
  if (files) return new Files(await files.getDirectoryHandle(encodeURIComponent(name), { create: true }));
  return globalThis.caches ? new Cached(await caches.open(name), base) : null;
}

/** A name that is being written begins with it, and is none yet. */
const UNFINISHED = "unfinished";

/** @implements {Place} */
class Files {
  /** @param {FileSystemDirectoryHandle} directory */
  constructor(directory) {
    this.directory = directory;
  }

  async names() {
    const names = [];
    for await (const name of this.directory.keys()) if (!name.startsWith(UNFINISHED)) names.push(name);
    return names;
  }

  /** @param {string} name */
  async open(name) {
    const file = await this.directory.getFileHandle(name);
    // Service Workers may not read at once, and in Firefox one reader keeps all others out.
    const handle = await openReader(file).catch(() => null);
    if (!handle) return readerOf(await (await file.getFile()).arrayBuffer());
    return { read: (/** @type {Bytes} */ into, /** @type {number} */ at) => void handle.read(into, { at }), close: () => handle.close() };
  }

  /** @param {string} name @param {Bytes[]} parts */
  async write(name, parts) {
    const file = await this.directory.getFileHandle(UNFINISHED, { create: true });
    const handle = await file.createSyncAccessHandle();
    try {
      handle.truncate(0);
      for (const part of parts)
        if (handle.write(part) !== part.byteLength) throw new DOMException("the browser wrote less than it was given", "QuotaExceededError");
      handle.flush();
    } finally {
      handle.close();
    }
    await /** @type {any} */ (file).move(name); // no type knows it, every browser has it
  }

  /** @param {string} name */
  remove(name) {
    return this.directory.removeEntry(name);
  }
}

/** @param {FileSystemFileHandle} file @returns {Promise<FileSystemSyncAccessHandle>} with as many others as like to */
async function openReader(file) {
  const open = /** @type {(options: object) => Promise<FileSystemSyncAccessHandle>} */ (file.createSyncAccessHandle);
  return open.call(file, { mode: "read-only" });
}

/** @implements {Place} */
class Cached {
  /** @param {Cache} cache @param {string} base */
  constructor(cache, base) {
    this.cache = cache;
    this.folder = `${base}snapshot/`;
  }

  async names() {
    return (await this.cache.keys()).map(({ url }) => url.slice(this.folder.length));
  }

  /** @param {string} name */
  async open(name) {
    const response = await this.cache.match(this.folder + name);
    if (!response) throw new DOMException(`${name} is gone`, "NotFoundError");
    return readerOf(await response.arrayBuffer());
  }

  /** @param {string} name @param {Bytes[]} parts */
  write(name, parts) {
    return this.cache.put(this.folder + name, new Response(new Blob(parts), { headers: { "Content-Type": "application/octet-stream" } }));
  }

  /** @param {string} name */
  async remove(name) {
    await this.cache.delete(this.folder + name);
  }
}

/** @param {ArrayBuffer} bytes @returns {import("./snapshot_file.mjs").Reader} */
function readerOf(bytes) {
  const all = new Uint8Array(bytes);
  return { read: (into, at) => into.set(all.subarray(at, at + into.byteLength)), close: () => {} };
}

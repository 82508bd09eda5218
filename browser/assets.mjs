/**
 * The files of a build, each checked against the SHA-256 in its manifest.
 *
 * They are taken from the Service Worker's caches first, all but what is compiled: Firefox refuses `fetch()` in an offline worker before the
 * Service Worker sees it (bugzilla 2067202), and a cache hit costs no network.
 */

/** A file of the build is missing or damaged; the message names it. */
export class AssetError extends Error {
  /** @param {string} path @param {string} reason */
  constructor(path, reason) {
    super(`${path} ${reason}; run \`weft browser build\` again and upload the whole folder`);
    this.name = "AssetError";
    this.facts = { path, reason };
  }
}

/**
 * @typedef {{path: string, size: number, sha256: string, boot: boolean}} Asset path relative to the folder that holds the page
 * @typedef {{format: number, build: string, lock: object, packages: string[], assets: Asset[]}} Manifest
 */

const plainFetch = globalThis.fetch.bind(globalThis); // `serving` replaces the global one for a while

/** @param {string} url @param {string | null} cache @returns {Promise<Response>} */
async function load(url, cache) {
  return (cache && (await globalThis.caches?.match(url, { cacheName: cache, ignoreVary: true }))) || plainFetch(url);
}

/**
 * As the browser itself loads it, through the Service Worker, or as `load` where that cannot be. Chromium keeps what it has compiled of a
 * response that came by `fetch`, never of one that was taken from a cache: at the next start that is half of the work. What a Service Worker
 * fetches does not come through itself.
 * @param {string} url @param {string} path @param {string | null} cache
 */
async function fetched(url, path, cache) {
  const found = "skipWaiting" in globalThis ? null : await plainFetch(url).catch(() => null);
  return found?.ok ? found : responseOf(url, path, cache);
}

/** @param {string} url @param {string} path named in the error @param {string | null} cache */
async function responseOf(url, path, cache) {
  /** @type {Response} */ let response;
  try {
    response = await load(url, cache).catch(() => load(url, cache)); // a Service Worker that dies takes its answers along
  } catch (error) {
    throw new AssetError(path, `cannot be loaded (${error instanceof Error ? error.message : error})`);
  }
  if (!response.ok) throw new AssetError(path, `is missing (HTTP ${response.status})`);
  return response;
}

/** @param {ArrayBuffer | Uint8Array<ArrayBuffer>} bytes @returns {Promise<string>} */
export async function sha256(bytes) {
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {Asset} asset @param {ArrayBuffer} bytes */
export async function verify(asset, bytes) {
  if (bytes.byteLength !== asset.size) throw new AssetError(asset.path, `is damaged: ${bytes.byteLength} bytes instead of ${asset.size}`);
  if (!globalThis.crypto?.subtle) return; // plain http other than localhost: the browser gives no digests there
  const found = await sha256(bytes);
  if (found !== asset.sha256) throw new AssetError(asset.path, `is damaged: its SHA-256 is ${found} instead of ${asset.sha256}`);
}

export class Assets {
  /**
   * @param {string} base URL of the folder with manifest.json
   * @param {string | null} cache of this build, when a Service Worker serves this page
   * @param {(loaded: number) => void} onProgress share of the boot bytes, 0 to 1
   */
  constructor(base, cache, onProgress) {
    this.base = base;
    this.cache = cache;
    this.root = new URL("../", base).href;
    this.onProgress = onProgress;
    this.loaded = 0;
    this.total = 1;
    /** @type {Map<string, Asset>} by URL */ this.byUrl = new Map();
    /** @type {Promise<void>[]} */ this.checks = [];
    /** @type {(error: unknown) => void} */ let fail = () => {};
    /** @type {Promise<never>} rejects when the first asset turns out missing or damaged */
    this.failure = new Promise((_, reject) => (fail = reject));
    this.failure.catch(() => {});
    this.fail = fail;
  }

  /** Read the manifest. */
  async open() {
    const response = await responseOf(`${this.base}manifest.json`, "weft/manifest.json", this.cache);
    /** @type {Manifest} */ const manifest = await response.json().catch(() => {
      throw new AssetError("weft/manifest.json", "is not JSON");
    });
    for (const asset of manifest.assets) this.byUrl.set(new URL(asset.path, this.root).href, asset);
    this.total = manifest.assets.filter((asset) => asset.boot).reduce((sum, asset) => sum + asset.size, 0) || 1;
    return manifest;
  }

  /** A response whose body streams while it is checked; await {@link verified} before trusting it. @param {string} url */
  async response(url) {
    const asset = this.#asset(url);
    const response = fetched(url, asset.path, this.cache);
    const check = response.then((found) => found.clone().arrayBuffer()).then((bytes) => this.#checked(asset, bytes));
    check.catch(this.fail);
    this.checks.push(check.then(() => {}));
    return response;
  }

  /** Read and check a file that the browser loads in a way of its own; await {@link verified} before trusting it. @param {string} url */
  check(url) {
    const check = this.bytes(url).then(() => {});
    check.catch(this.fail);
    this.checks.push(check);
  }

  /** @param {string} url */
  #asset(url) {
    const asset = this.byUrl.get(url);
    if (!asset) throw new AssetError(url.replace(this.root, ""), "is not in the manifest");
    return asset;
  }

  /** @param {Asset} asset @param {ArrayBuffer} bytes */
  async #checked(asset, bytes) {
    await verify(asset, bytes);
    this.loaded += asset.size;
    this.onProgress(Math.min(1, this.loaded / this.total));
    return bytes;
  }

  /** Resolves when everything that was asked for so far is whole; rejects with the first AssetError. */
  async verified() {
    await Promise.all(this.checks);
  }

  /** The whole, checked bytes. @param {string} url */
  async bytes(url) {
    const asset = this.#asset(url);
    return this.#checked(asset, await (await responseOf(url, asset.path, this.cache)).arrayBuffer());
  }

  /** The zip in a pack (see precompile.py). @param {string} url @returns {Promise<Uint8Array<ArrayBuffer>>} */
  async unpacked(url) {
    const zip = new Blob([await this.bytes(url)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(zip).arrayBuffer());
  }

  /** A text the author gave: checked when the build knows it, taken as it is when not. @param {string} url @returns {Promise<string>} */
  async source(url) {
    if (this.byUrl.has(url)) return new TextDecoder().decode(await this.bytes(url));
    return (await responseOf(url, url, this.cache)).text();
  }

  /** What the build compiled of a source, if it did. @param {string} url of the source @returns {Promise<Uint8Array | null>} */
  async compiled(url) {
    const cache = url.replace(/\.py$/, ".weft");
    return this.byUrl.has(cache) ? new Uint8Array(await this.bytes(cache)) : null;
  }

  /**
   * Run `work` while `fetch` in this worker answers with checked assets, and with what was made of them.
   * @template T @param {Record<string, Promise<Uint8Array>>} made by URL @param {() => Promise<T>} work @returns {Promise<T>}
   */
  async serving(made, work) {
    globalThis.fetch = (input, init) => {
      const url = typeof input === "string" ? input : input instanceof URL ? input.href : input.url;
      if (url in made) return made[url].then((bytes) => new Response(/** @type {any} */ (bytes)));
      return this.byUrl.has(url) ? this.response(url) : plainFetch(input, init);
    };
    try {
      return await work();
    } finally {
      globalThis.fetch = plainFetch;
    }
  }
}

/**
 * The memory snapshot of a warmed interpreter, which this browser makes of a build after the first start (snapshot_worker.mjs) and keeps in a
 * cache of its own. It is one for a build: its key is the hash of everything in it, and another key makes it worthless.
 */
import { sha256 } from "./assets.mjs";

/** Counts changes in what a snapshot holds that no file of the build shows. */
const FORMAT = 1;
/** What is in a snapshot, or made it. The names of wheels come from the manifest. */
const PARTS = ["pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "stdlib.pack", "weft.pack", "runtime.mjs", "snapshot_worker.mjs"];

/**
 * @typedef {{code: "SnapshotMismatch" | "SnapshotDamaged" | "SnapshotUnusable" | "SnapshotNotKept", message: string, facts: Record<string, unknown>}} SnapshotNote
 * @typedef {{bytes?: ArrayBuffer, note?: SnapshotNote}} Found nothing: none was made yet
 */

/** @param {import("./assets.mjs").Manifest} manifest @returns {Promise<string | null>} null where the browser gives no digests */
export async function snapshotKey(manifest) {
  if (!globalThis.crypto?.subtle || !globalThis.caches) return null;
  const paths = [...PARTS.map((name) => `weft/${name}`), ...manifest.packages];
  const hashes = paths.map((path) => manifest.assets.find((asset) => asset.path === path)?.sha256);
  // Python keeps the time zone, and Pyodide what it found out about the browser.
  const surroundings = [navigator.userAgent, Intl.DateTimeFormat().resolvedOptions().timeZone];
  return sha256(/** @type {ArrayBuffer} */ (new TextEncoder().encode(JSON.stringify([FORMAT, hashes, surroundings])).buffer));
}

export class Snapshots {
  /** @param {string} base URL of the build */
  constructor(base) {
    this.base = base;
    this.name = `weft-python:${new URL(base).pathname}`; // sites of one origin share a cache space
  }

  /** @param {string} key @returns {Promise<Found>} */
  async find(key) {
    const [request] = await this.#kept();
    if (!request) return {};
    if (request.url !== this.#url(key)) return { note: mismatch(key, request.url.split("/").pop() ?? "") };
    const response = await (await caches.open(this.name)).match(request);
    const bytes = await response?.arrayBuffer();
    if (bytes && (await sha256(bytes)) === response?.headers.get("x-weft-sha256")) return { bytes };
    return { note: { code: "SnapshotDamaged", message: "the kept snapshot is damaged; Python is loaded as at the first visit", facts: { key } } };
  }

  /** Replaces what was kept. @param {string} key @param {Uint8Array} snapshot */
  async keep(key, snapshot) {
    const bytes = /** @type {ArrayBuffer} */ (snapshot.buffer).slice(snapshot.byteOffset, snapshot.byteOffset + snapshot.byteLength);
    const headers = { "Content-Type": "application/octet-stream", "x-weft-sha256": await sha256(bytes) };
    const cache = await caches.open(this.name);
    await this.#removeAll(cache);
    await cache.put(this.#url(key), new Response(bytes, { headers }));
  }

  async forget() {
    await caches.delete(this.name);
  }

  async #kept() {
    return (await caches.has(this.name)) ? (await caches.open(this.name)).keys() : [];
  }

  /** @param {Cache} cache */
  async #removeAll(cache) {
    for (const request of await cache.keys()) await cache.delete(request);
  }

  /** @param {string} key */
  #url(key) {
    return `${this.base}snapshot/${key}`;
  }
}

/** @param {string} wanted @param {string} kept @returns {SnapshotNote} */
function mismatch(wanted, kept) {
  const message = "the kept snapshot is of another build, browser or time zone; Python is loaded as at the first visit";
  return { code: "SnapshotMismatch", message, facts: { wanted, kept } };
}

/** @param {unknown} error @returns {SnapshotNote} */
export function unusable(error) {
  const reason = String(error instanceof Error ? error.message : error).trim().split("\n").pop() ?? "";
  return { code: "SnapshotUnusable", message: `Python did not start from the kept snapshot (${reason}); it is loaded as at the first visit`, facts: { reason } };
}

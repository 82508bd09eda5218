/**
 * The memory snapshot of a warmed interpreter, which this browser makes of a build after the first start (snapshot_worker.mjs). It is one for a
 * build: its key is the hash of everything in it, and another key makes it worthless.
 */
import { sha256 } from "./assets.mjs";
import { DamagedError, SnapshotFile, partsOf } from "./snapshot_file.mjs";
import { placeOf } from "./snapshot_places.mjs";

/** Counts changes in what a snapshot holds that no file of the build shows. */
const FORMAT = 1;
/** What is in a snapshot, or made it. The names of wheels come from the manifest. */
const PARTS = ["pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "stdlib.pack", "weft.pack", "runtime.mjs", "snapshot_file.mjs", "snapshot_worker.mjs"];

/**
 * @typedef {{code: "SnapshotMismatch" | "SnapshotDamaged" | "SnapshotUnusable" | "SnapshotNotKept", message: string, facts: Record<string, unknown>}} SnapshotNote
 * @typedef {{file?: SnapshotFile, note?: SnapshotNote}} Found nothing: none was made yet; who is given a file closes it
 */

/** @param {import("./assets.mjs").Manifest} manifest @returns {Promise<string | null>} null where the browser gives no digests */
export async function snapshotKey(manifest) {
  if (!globalThis.crypto?.subtle) return null;
  const paths = [...PARTS.map((name) => `weft/${name}`), ...manifest.packages];
  const hashes = paths.map((path) => manifest.assets.find((asset) => asset.path === path)?.sha256);
  // Python keeps what the time zone's clocks are in winter and summer, and Pyodide what it found out about the browser.
  const year = new Date().getFullYear();
  const surroundings = [navigator.userAgent, ...[0, 6].map((month) => new Date(year, month, 1).getTimezoneOffset())];
  return sha256(new TextEncoder().encode(JSON.stringify([FORMAT, hashes, surroundings])));
}

export class Snapshots {
  /** @param {string} base URL of the build */
  constructor(base) {
    this.base = base;
  }

  /** @param {string} key @returns {Promise<Found>} */
  async find(key) {
    const place = await placeOf(this.base);
    const names = (await place?.names()) ?? [];
    if (place && names.includes(key)) return { file: SnapshotFile.of(await place.open(key)) };
    return names.length ? { note: mismatch(key, names[0]) } : {};
  }

  /** Replaces what was kept. @param {string} key @param {import("./snapshot_file.mjs").Content} content */
  async keep(key, content) {
    const place = await placeOf(this.base);
    if (!place) throw new Error("this browser has no place for it");
    await this.forget();
    await place.write(key, await partsOf(content));
  }

  async forget() {
    const place = await placeOf(this.base);
    for (const name of (await place?.names()) ?? []) await place?.remove(name);
  }
}

/** @param {string} wanted @param {string} kept @returns {SnapshotNote} */
function mismatch(wanted, kept) {
  const message = "the kept snapshot is of another build, browser or time zone; Python is loaded as at the first visit";
  return { code: "SnapshotMismatch", message, facts: { wanted, kept } };
}

/** Why Python did not start from the snapshot that was found. @param {unknown} error @returns {SnapshotNote} */
export function noteOf(error) {
  const reason = String(error instanceof Error ? error.message : error).trim().split("\n").pop() ?? "";
  const code = error instanceof DamagedError ? "SnapshotDamaged" : "SnapshotUnusable";
  return { code, message: `Python did not start from the kept snapshot (${reason}); it is loaded as at the first visit`, facts: { reason } };
}

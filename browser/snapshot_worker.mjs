/**
 * Makes the memory snapshot of a build in an interpreter of its own, once, and keeps it. No other interpreter could be used: it must never have
 * touched JavaScript, a C extension or the author's modules.
 */
import { Assets } from "./assets.mjs";
import { cacheOf } from "./build.mjs";
import { Runtime } from "./runtime.mjs";
import { Snapshots, snapshotKey } from "./snapshots.mjs";

/** Where `warm.py` borrows msgpack from. */
const BORROWED = "/lib/msgpack.zip";
/** It is 31 MB; a store that is nearly full needs the room itself. */
const ROOM = 256 * 1024 * 1024;

/** @typedef {{base: string, scope: string | null}} Options `scope` of the Service Worker that serves the page */

/** @param {Options} options @returns {Promise<"kept" | "there" | "no room" | "not supported">} */
async function makeSnapshot({ base, scope }) {
  const assets = new Assets(base, scope === null ? null : cacheOf(scope), () => {});
  const manifest = await assets.open();
  const key = await snapshotKey(manifest);
  if (!key) return "not supported";
  const snapshots = new Snapshots(base);
  const { file } = await snapshots.find(key).catch(() => ({ file: undefined })); // a damaged one
  file?.close();
  if (file) return "there";
  const estimate = await navigator.storage?.estimate?.(); // absent in WebKitGTK
  if (estimate?.quota && estimate.quota - (estimate.usage ?? 0) < ROOM) return "no room";
  await snapshots.keep(key, await contentOf(new Runtime(assets, manifest)));
  return "kept";
}

/** @param {Runtime} runtime @returns {Promise<import("./snapshot_file.mjs").Content>} */
async function contentOf(runtime) {
  const archives = runtime.unpackArchives();
  const python = await runtime.start(archives, { _makeSnapshot: true });
  python.FS.writeFile(BORROWED, new Uint8Array((await runtime.wheels)[0]));
  const warm = python.pyimport("weft_browser.warm");
  warm.warm();
  warm.destroy();
  return { python: python.makeMemorySnapshot(), archives: await archives };
}

/** One tab makes it; the others find it. @param {Options} options */
const alone = (options) =>
  navigator.locks.request(`weft-snapshot:${options.base}`, { ifAvailable: true }, (lock) => (lock ? makeSnapshot(options) : "there"));

self.onmessage = ({ data }) =>
  alone(data).then(
    (outcome) => postMessage({ outcome }),
    (error) => postMessage({ error: String(error?.message ?? error) }),
  );

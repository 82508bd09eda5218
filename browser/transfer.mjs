/**
 * A whole store as one file, and back, in pieces of bounded size: the leading tab reads or writes a piece when it is asked for the next one.
 * If that tab dies, its successor knows of no export or import under way, and it is begun again; nothing of it is half done (docs/export.md).
 */
import { WeftError, uniqueId } from "./rpc.mjs";

/** @typedef {(method: string, params: object, deadlineMs?: number) => Promise<any>} Call */
/** @typedef {{store_id: string, generation: number}} Imported `generation`: how many times the store has been restored */

export const FILE_TYPE = "application/x-weft-export";
const PIECE_BYTES = 192 * 1024;
/** The browser keeps a large Blob on disk, and the parts it is made of in memory. */
const FOLD_BYTES = 8 * 1024 * 1024;
const TRIES = 4;

/**
 * @param {Call} call @param {{compress?: boolean, onProgress?: (progress: {bytes: number}) => void}} [options]
 * @returns {Promise<Blob>}
 */
export function exportStore(call, { compress = true, onProgress } = {}) {
  return persistently(async (name) => {
    await call("export_begin", { export: name, compress });
    const file = new Folding();
    for (let piece = 0; ; piece++) {
      const { data, done } = await call("export_read", { export: name, piece });
      if (done) return file.blob();
      file.add(bytesOf(data));
      onProgress?.({ bytes: file.size });
    }
  });
}

/**
 * @param {Call} call @param {Blob} file
 * @param {{replace?: boolean, asNew?: boolean, onProgress?: (progress: {bytes: number, of: number}) => void}} [options]
 * @returns {Promise<Imported>}
 */
export function importStore(call, file, { replace = false, asNew = false, onProgress } = {}) {
  return persistently(async (name) => {
    await call("import_begin", { import: name, replace, as_new: asNew });
    for (let at = 0; at < file.size;) {
      const piece = new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer());
      at = (await call("import_write", { import: name, at, data: base64Of(piece) })).size;
      onProgress?.({ bytes: at, of: file.size });
    }
    // The engine closes, and its answer comes from the next one, which has put everything into its place.
    return call("import_finish", { import: name }, 0);
  });
}

/** Under a new name, and again when the engine that knew the name is gone. @template T @param {(name: string) => Promise<T>} work @returns {Promise<T>} */
async function persistently(work) {
  for (let left = TRIES; ; left--) {
    try {
      return await work(uniqueId());
    } catch (error) {
      const lost = error instanceof WeftError && error.code === "TransferNotFoundError";
      if (!lost || left === 1) throw error;
    }
  }
}

class Folding {
  constructor() {
    /** @type {BlobPart[]} */ this.parts = [];
    this.size = 0;
    this.loose = 0;
  }
  /** @param {Uint8Array<ArrayBuffer>} bytes */
  add(bytes) {
    this.parts.push(bytes);
    this.size += bytes.length;
    this.loose += bytes.length;
    if (this.loose < FOLD_BYTES) return;
    this.parts = [this.blob()];
    this.loose = 0;
  }
  blob() {
    return new Blob(this.parts, { type: FILE_TYPE });
  }
}

/** @param {string} text base64 @returns {Uint8Array<ArrayBuffer>} */
function bytesOf(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** @param {Uint8Array} bytes */
function base64Of(bytes) {
  let binary = "";
  for (let at = 0; at < bytes.length; at += 0x2000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x2000));
  return btoa(binary);
}

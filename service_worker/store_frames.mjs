/**
 * The bytes that carry one storage request and its reply, between Python, the engine worker and the Service Worker.
 *
 * A request and a reply are each one flat Uint8Array: nothing is converted at the Python border but one buffer, and keys stay UTF-8 bytes, which
 * is also how IndexedDB orders binary keys. `browser/weft_browser/frames.py` is the other end. All numbers are little-endian; a *blob* is a u32
 * length and that many bytes.
 *
 *     get, has, delete_prefix   op, blob key
 *     scan                      op, u8 flags, u32 limit, blob prefix, blob after, blob before
 *     apply                     op, u32 conditions × (blob key, u8 present, blob value), u32 ops × (the same)
 *     room                      op; only of stores that know: the others answer with an error
 *     reply                     u8 0, result … | u8 1, blob code, blob message
 */

export const OP = Object.freeze({ get: 1, has: 2, scan: 3, apply: 4, deletePrefix: 5, room: 6 });
export const FLAG = Object.freeze({ reverse: 1, after: 2, before: 4, capped: 8 });
/** Where a scan may be cut (`capped`), a page ends at the row that brings its values to this size; the top bit of its count says that it was cut. */
export const PAGE_BYTES = 4 << 20;
const CUT = 0x8000_0000;

/**
 * @typedef {{key: ArrayBuffer, value: ArrayBuffer | null}} Entry a null value means "absent" in a condition and "delete" in an op
 * @typedef {{op: number, key: ArrayBuffer}} KeyRequest
 * @typedef {{op: number, prefix: ArrayBuffer, after: ArrayBuffer | null, before: ArrayBuffer | null, limit: number, reverse: boolean, maxBytes: number}} ScanRequest
 * @typedef {{op: number, conditions: Entry[], ops: Entry[], opsAt: number}} ApplyRequest `opsAt`: where in the frame the ops begin
 */

/** A store failure, as plain data: `code` is the name of a Python StorageError class. */
export class StoreError extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

class Reader {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = 0;
  }
  u8() {
    return this.view.getUint8(this.at++);
  }
  u32() {
    this.at += 4;
    return this.view.getUint32(this.at - 4, true);
  }
  /** A copy: IndexedDB would otherwise clone the whole frame behind a view. @returns {ArrayBuffer} */
  blob() {
    const length = this.u32();
    const start = this.bytes.byteOffset + this.at;
    if (this.at + length > this.bytes.byteLength) throw new RangeError("blob reaches past the end of the frame");
    this.at += length;
    return /** @type {ArrayBuffer} */ (this.bytes.buffer.slice(start, start + length));
  }
  /** @returns {Entry[]} */
  entries() {
    const found = new Array(this.u32());
    for (let i = 0; i < found.length; i++) {
      const key = this.blob();
      const present = this.u8();
      const value = this.blob();
      found[i] = { key, value: present ? value : null };
    }
    return found;
  }
}

/** The operation a request frame asks for. @param {Uint8Array} frame */
export const opOf = (frame) => frame[0];

/** @param {Uint8Array} frame @returns {ArrayBuffer} the key or prefix of a get, has or delete_prefix request */
export function readKey(frame) {
  const reader = new Reader(frame);
  reader.u8();
  return reader.blob();
}

/** @param {Uint8Array} frame @returns {ScanRequest} */
export function readScan(frame) {
  const reader = new Reader(frame);
  const op = reader.u8();
  const flags = reader.u8();
  const limit = reader.u32();
  const prefix = reader.blob();
  const after = reader.blob();
  const before = reader.blob();
  return {
    op, prefix, limit, reverse: Boolean(flags & FLAG.reverse), maxBytes: flags & FLAG.capped ? PAGE_BYTES : Infinity,
    after: flags & FLAG.after ? after : null, before: flags & FLAG.before ? before : null,
  };
}

/** @param {Uint8Array} frame @returns {ApplyRequest} */
export function readApply(frame) {
  const reader = new Reader(frame);
  const op = reader.u8();
  const conditions = reader.entries();
  const opsAt = reader.at;
  return { op, conditions, ops: reader.entries(), opsAt };
}

// ---------------------------------------------------------------- replies

/** @param {ArrayBuffer | null} value */
export function valueReply(value) {
  if (value === null) return Uint8Array.of(0, 0);
  const reply = new Uint8Array(2 + value.byteLength);
  reply[1] = 1;
  reply.set(new Uint8Array(value), 2);
  return reply;
}

/** @param {boolean} yes */
export const flagReply = (yes) => Uint8Array.of(0, yes ? 1 : 0);

/** @param {number} count */
export function countReply(count) {
  const reply = new Uint8Array(5);
  new DataView(reply.buffer).setUint32(1, count, true);
  return reply;
}

/** @param {{usage: number, quota: number}} room bytes; no quota: 0 */
export function roomReply({ usage, quota }) {
  const reply = new Uint8Array(17);
  const view = new DataView(reply.buffer);
  view.setFloat64(1, usage, true);
  view.setFloat64(9, quota, true);
  return reply;
}

/** @param {Uint8Array} reply @returns {{usage: number, quota: number} | null} null: it was an error */
export function roomOf(reply) {
  if (reply[0] !== 0) return null;
  const view = new DataView(reply.buffer, reply.byteOffset);
  return { usage: view.getFloat64(1, true), quota: view.getFloat64(9, true) };
}

/** @param {ArrayBuffer[]} keys @param {ArrayBuffer[]} values @param {boolean} [cut] there are more rows, which were not read */
export function rowsReply(keys, values, cut = false) {
  let size = 5;
  for (let i = 0; i < keys.length; i++) size += 8 + keys[i].byteLength + values[i].byteLength;
  const reply = new Uint8Array(size);
  const view = new DataView(reply.buffer);
  view.setUint32(1, (cut ? CUT : 0) + keys.length, true);
  let at = 5;
  for (let i = 0; i < keys.length; i++) {
    for (const blob of [keys[i], values[i]]) {
      view.setUint32(at, blob.byteLength, true);
      reply.set(new Uint8Array(blob), at + 4);
      at += 4 + blob.byteLength;
    }
  }
  return reply;
}

/** @param {string} code @param {string} message */
export function errorReply(code, message) {
  const parts = [code, message].map((text) => new TextEncoder().encode(text));
  const reply = new Uint8Array(1 + parts.reduce((sum, part) => sum + 4 + part.length, 0));
  const view = new DataView(reply.buffer);
  reply[0] = 1;
  let at = 1;
  for (const part of parts) {
    view.setUint32(at, part.length, true);
    reply.set(part, at + 4);
    at += 4 + part.length;
  }
  return reply;
}

/** Storage requests and replies as Python makes and reads them, for tests that ask a store without Python. Keys and values are text. */

const utf8 = new TextEncoder();
const u32 = (n) => new Uint8Array(new Uint32Array([n]).buffer);
const blob = (text) => [u32(utf8.encode(text).length), utf8.encode(text)];

function joined(...parts) {
  const all = parts.flat(Infinity).map((part) => (typeof part === "number" ? Uint8Array.of(part) : part));
  const bytes = new Uint8Array(all.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of all) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export const keyRequest = (op, key) => joined(op, blob(key));

export const scanRequest = (prefix, { after, before, limit = 1_000_000, reverse = false }) =>
  joined(3, (reverse ? 1 : 0) + (after === undefined ? 0 : 2) + (before === undefined ? 0 : 4), u32(limit), blob(prefix), blob(after ?? ""), blob(before ?? ""));

/** @param {[key: string, value: string | null][]} conditions @param {[key: string, value: string | null][]} ops */
export function applyRequest(conditions, ops) {
  const entries = (list) => [u32(list.length), list.map(([key, value]) => [blob(key), value === null ? 0 : 1, blob(value ?? "")])];
  return joined(4, entries(conditions), entries(ops));
}

function* blobs(bytes, at) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  while (at < bytes.length) {
    const end = at + 4 + view.getUint32(at, true);
    yield new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(at + 4, end));
    at = end;
  }
}

export const rowsOf = (reply) => {
  const texts = [...blobs(reply, 5)];
  return texts.filter((_, i) => i % 2 === 0).map((key, i) => [key, texts[2 * i + 1]]);
};
export const textOf = (bytes) => [...blobs(bytes, 0)].join(": ");

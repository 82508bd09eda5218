/** Bytes as text. What Chromium's storage.local and the messages of an extension carry is JSON, which has no bytes. */

const SLICE = 0x4000; // as many arguments as every browser takes

/** @param {Uint8Array} bytes each a character of its own: such texts compare as their bytes do */
export function toBinary(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += SLICE) text += String.fromCharCode(...bytes.subarray(at, at + SLICE));
  return text;
}

/** @param {string} text of such characters @returns {Uint8Array<ArrayBuffer>} */
export function fromBinary(text) {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** @param {Uint8Array} bytes */
export const toBase64 = (bytes) => ("toBase64" in bytes ? /** @type {() => string} */ (bytes.toBase64)() : btoa(toBinary(bytes)));

/** Throws where the text is none. @param {string} text @returns {Uint8Array<ArrayBuffer>} */
export const fromBase64 = (text) => ("fromBase64" in Uint8Array ? /** @type {any} */ (Uint8Array).fromBase64(text) : fromBinary(atob(text)));

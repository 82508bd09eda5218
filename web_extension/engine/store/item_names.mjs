/**
 * What the items of a store are called: `weft/<store>/d/<key>` a value, `/a/<client>` the last batch of a client, `/w` the write-ahead record.
 * Every name begins with our own word, so no key is a name that objects have (`__proto__`), and nothing else of the extension is touched.
 */
import { toBinary } from "./base64.mjs";

const utf8 = new TextEncoder();
const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class ItemNames {
  /** @param {string} store */
  constructor(store) {
    const root = `weft/${encodeURIComponent(store)}/`; // no slash of its own: no store's items are among another's
    this.values = `${root}d/`;
    this.clients = `${root}a/`;
    this.record = `${root}w`;
  }

  /** @param {ArrayBuffer | Uint8Array} key UTF-8 */
  value(key) {
    return this.values + text.decode(key);
  }

  /** @param {string} client */
  client(client) {
    return this.clients + client;
  }

  /** The key of a value's item, as a KeyIndex has it. @param {string} name */
  keyOf(name) {
    return toBinary(utf8.encode(name.slice(this.values.length)));
  }

  /** @param {string} name */
  isValue(name) {
    return name.startsWith(this.values);
  }

  /** @param {string} name */
  isClient(name) {
    return name.startsWith(this.clients);
  }
}

/** What an item counts for in the browser's quota: its name and its JSON, in bytes. @param {string} name @param {unknown} value */
export const sizeOf = (name, value) => utf8.encode(name).length + utf8.encode(JSON.stringify(value)).length;

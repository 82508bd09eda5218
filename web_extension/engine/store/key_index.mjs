/**
 * The keys of a store in their order, in memory: an area of browser.storage has no ranges.
 *
 * A key is here the text whose characters are its UTF-8 bytes (`toBinary`). Such texts compare as the bytes do, which is how every store of Weft
 * orders its keys; ordinary JavaScript text compares by UTF-16 units, and puts an emoji before U+E000.
 */
export class KeyIndex {
  /** @param {string[]} keys each once */
  constructor(keys) {
    this.keys = keys.sort();
  }

  /** How many keys are less than this. @param {string} key */
  rank(key) {
    let [low, high] = [0, this.keys.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.keys[middle] < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** @param {string} key */
  has(key) {
    return this.keys[this.rank(key)] === key;
  }

  /** @param {string} key */
  add(key) {
    const at = this.rank(key);
    if (this.keys[at] !== key) this.keys.splice(at, 0, key);
  }

  /** @param {string} key */
  delete(key) {
    const at = this.rank(key);
    if (this.keys[at] === key) this.keys.splice(at, 1);
  }

  /** The keys with this prefix, between exclusive bounds. @param {string} prefix @param {string | null} after @param {string | null} before */
  range(prefix, after = null, before = null) {
    // UTF-8 has no byte 0xff, so adding one to the last byte gives the first text past the prefix.
    const past = prefix && prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
    const low = after === null ? 0 : this.rank(after) + (this.has(after) ? 1 : 0);
    const high = before === null ? this.keys.length : this.rank(before);
    return this.keys.slice(Math.max(low, this.rank(prefix)), past ? Math.min(high, this.rank(past)) : high);
  }
}

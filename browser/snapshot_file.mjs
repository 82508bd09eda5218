/**
 * A snapshot as it is kept: a head that says what follows, Pyodide's own head, the memory of Python below and above its largest hole, and the
 * archives that Python imports the rest from, which need no unpacking here. Each part is checked when it is read. The hole is a third of the
 * memory: what Python never used of its stack.
 */
import { sha256 } from "./assets.mjs";

/**
 * @typedef {Uint8Array<ArrayBuffer>} Bytes
 * @typedef {{read: (into: Bytes, at: number) => void, close: () => void}} Reader of a file; fewer bytes than asked for are read only at its end
 * @typedef {{python: Bytes, archives: import("./runtime.mjs").Archives}} Content `python` as Pyodide makes it: its head and the memory
 * @typedef {{memory: number, hole: [number, number], parts: {size: number, sha256: string}[]}} Head bytes of the memory, and where nothing is in it
 */

/** JSON, filled up with spaces. */
const HEAD_BYTES = 1_024;
const HOLE_STEP = 65_536;

/** @param {Content} content @returns {Promise<Bytes[]>} the parts of the file */
export async function partsOf({ python, archives }) {
  const begin = new Uint32Array(python.buffer, python.byteOffset, 2)[1]; // Pyodide's head says where the memory begins
  const memory = python.subarray(begin);
  const hole = largestHole(memory);
  const parts = [python.subarray(0, begin), memory.subarray(0, hole[0]), memory.subarray(hole[1]), archives.stdlib, archives.own];
  const told = await Promise.all(parts.map(async (part) => ({ size: part.byteLength, sha256: await sha256(part) })));
  /** @type {Head} */ const head = { memory: memory.byteLength, hole, parts: told };
  return [new TextEncoder().encode(JSON.stringify(head).padEnd(HEAD_BYTES)), ...parts];
}

/** @param {Bytes} memory @returns {[number, number]} the longest stretch of zeros */
function largestHole(memory) {
  const words = new BigUint64Array(memory.slice().buffer);
  const step = HOLE_STEP / 8;
  let [begin, from, to] = [0, 0, 0];
  for (let at = 0; at < words.length; at += step) {
    if (words.subarray(at, at + step).some((word) => word !== 0n)) begin = at + step;
    else if (at + step - begin > to - from) [from, to] = [begin, Math.min(at + step, words.length)];
  }
  return [from * 8, to * 8];
}

/** The file is not as it was written. */
export class DamagedError extends Error {}

export class SnapshotFile {
  /** @param {Reader} reader @param {Head} head */
  constructor(reader, head) {
    this.reader = reader;
    this.head = head;
  }

  /** @param {Reader} reader which it closes */
  static of(reader) {
    const head = new Uint8Array(HEAD_BYTES);
    try {
      reader.read(head, 0);
      return new SnapshotFile(reader, JSON.parse(new TextDecoder().decode(head)));
    } catch {
      reader.close();
      throw new DamagedError("its head is no JSON");
    }
  }

  get memoryBytes() {
    return this.head.memory;
  }

  /** @param {Bytes} memory all of it, zeroed or not */
  async readMemory(memory) {
    const [from, to] = this.head.hole;
    await this.#read(1, memory.subarray(0, from));
    memory.fill(0, from, to);
    await this.#read(2, memory.subarray(to, this.head.memory));
  }

  pyodideHead() {
    return this.#read(0);
  }

  /** @returns {Promise<import("./runtime.mjs").Archives>} */
  async archives() {
    return { stdlib: await this.#read(3), own: await this.#read(4) };
  }

  close() {
    this.reader.close();
  }

  /** @param {number} number @param {Bytes} into @returns {Promise<Bytes>} */
  async #read(number, into = new Uint8Array(this.head.parts[number].size)) {
    const { parts } = this.head;
    this.reader.read(into, parts.slice(0, number).reduce((at, { size }) => at + size, HEAD_BYTES));
    if ((await sha256(into)) !== parts[number].sha256) throw new DamagedError(`its part ${number} is damaged`);
    return into;
  }
}

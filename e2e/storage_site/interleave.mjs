/**
 * Batches of one of two tabs, at random: each reads some keys, then writes some of them on the condition that what it read still holds. Now and
 * then both have read all keys before either writes: one of these two batches must be refused.
 */
import { meetingOf } from "./meeting.mjs";
import { IdbStore } from "./weft/idb_store.mjs";

const encode = (text) => new TextEncoder().encode(text);
const blob = (bytes) => [...new Uint8Array(new Uint32Array([bytes.length]).buffer), ...bytes];
const entries = (list) => [...new Uint8Array(new Uint32Array([list.length]).buffer), ...list.flatMap(([key, value]) =>
  [...blob(encode(key)), value === null ? 0 : 1, ...blob(encode(value ?? ""))])];

/** @param {number} seed */
function chance(seed) {
  return () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
}

/** @returns {Promise<{read: Record<string, string | null>, wrote: Record<string, string>}[]>} the batches that were applied, in this tab's order */
globalThis.interleave = async (tab, seed, rounds, keys, every) => {
  const meeting = meetingOf("interleave");
  const store = new IdbStore("interleaved", { durability: "relaxed" });
  const random = chance(seed);
  const get = async (key) => {
    const reply = await store.call(Uint8Array.of(1, ...blob(encode(key))));
    return reply[1] ? new TextDecoder().decode(reply.slice(2)) : null;
  };
  const applied = [];
  for (let round = 0; round < rounds; round++) {
    const all = round % every === 0;
    const names = Array.from({ length: keys }, (_, i) => `k${i}`).filter(() => random() < 0.4 || all);
    const read = Object.fromEntries(await Promise.all(names.map(async (key) => [key, await get(key)])));
    const wrote = Object.fromEntries(names.filter(() => random() < 0.6 || all).map((key) => [key, `${tab}.${round}`]));
    if (all) await meeting();
    const reply = await store.call(Uint8Array.of(4, ...entries(Object.entries(read)), ...entries(Object.entries(wrote))));
    if (reply[0]) throw new Error(new TextDecoder().decode(reply));
    if (reply[1]) applied.push({ read, wrote });
  }
  const last = Object.fromEntries(await Promise.all(Array.from({ length: keys }, async (_, i) => [`k${i}`, await get(`k${i}`)])));
  return { applied, last };
};

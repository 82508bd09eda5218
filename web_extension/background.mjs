/**
 * The background: the browser starts it for an event and stops it soon after, so it holds nothing. Every listener is registered in its first
 * turn. The engine is elsewhere (host.mjs), and what it is asked is written down before it is woken (asking.mjs).
 */
import { ALARM, wakeWithin } from "./alarms.mjs";
import { api } from "./api.mjs";
import { ensureEngine } from "./host.mjs";
import { answer } from "./messages.mjs";
import { listen } from "./own.mjs";
import { storeHost } from "./storage.mjs";

/** While an engine works: should it or its document be gone, it is back after this time. */
const LOOK_AGAIN_MS = 60_000;

api.runtime.onInstalled.addListener(() => void wake());
api.runtime.onStartup.addListener(() => void wake());
api.alarms.onAlarm.addListener((/** @type {{name: string}} */ { name }) => name === ALARM && void wake());
api.runtime.onMessage.addListener((/** @type {any} */ message, /** @type {any} */ sender, /** @type {(reply: object) => void} */ reply) =>
  answer(message, sender, reply, wake));
listen(wake);
storeHost.listen();

/** It may be time to look at what is due: the store knows what is. */
async function wake() {
  await wakeWithin(LOOK_AGAIN_MS);
  await ensureEngine();
}

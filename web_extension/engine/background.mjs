/**
 * The background: the browser starts it for an event and stops it soon after, so it holds nothing. Every listener is registered in its first
 * turn. The engine is elsewhere (host.mjs), and what it is asked is written down before it is woken (asking.mjs).
 */
import { ALARM } from "./alarms.mjs";
import { api } from "./api.mjs";
import { ensureEngine, lookAtDue, restartEngine } from "./host.mjs";
import { listenForHosts } from "./hosts.mjs";
import { answer } from "./messages.mjs";
import { listen } from "../own.mjs";
import { onStorageChosen, storeHost } from "./storage.mjs";

api.runtime.onInstalled.addListener((/** @type {{previousVersion?: string}} */ { previousVersion }) => {
  const renewed = previousVersion !== undefined && previousVersion !== api.runtime.getManifest().version;
  void (renewed ? ensureEngine() : lookAtDue()); // new code may be what a run waits for
});
api.runtime.onStartup.addListener(() => void lookAtDue());
api.alarms.onAlarm.addListener((/** @type {{name: string}} */ { name }) => name === ALARM && void lookAtDue());
api.runtime.onMessage.addListener((/** @type {any} */ message, /** @type {any} */ sender, /** @type {(reply: object) => void} */ reply) =>
  answer(message, sender, reply, ensureEngine));
listen(ensureEngine);
listenForHosts(ensureEngine);
storeHost.listen();
onStorageChosen(() => void restartEngine());
void lookAtDue(); // whatever it is started for: an extension that is switched on again has lost its alarms, and no event tells it

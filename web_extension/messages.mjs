/** What the background answers, and to whom: a script in somebody's page may begin a clip of that page, and nothing else. */
import { api } from "./api.mjs";
import { startClip } from "./asking.mjs";
import { parked } from "./host.mjs";
import { clipTab } from "./menus.mjs";
import { whoIs } from "./senders.mjs";

/** @typedef {(message: any, sender: any) => Promise<unknown>} Handler */

/** @param {() => Promise<void>} wake @returns {Record<import("./senders.mjs").From, Map<string, Handler>>} */
const handlers = (wake) => ({
  extension: new Map(Object.entries(/** @type {Record<string, Handler>} */ ({
    ensure: wake,
    parked,
    "clip-tab": async ({ tabId }) => {
      const id = await clipTab(tabId ?? (await api.tabs.query({ active: true, currentWindow: true }))[0].id, "page");
      await wake();
      return id;
    },
  }))),
  content: new Map(Object.entries(/** @type {Record<string, Handler>} */ ({
    clip: async ({ title, html }, sender) => {
      const id = await startClip({ url: sender.url, title: String(title ?? ""), html: String(html ?? ""), kind: "page" });
      await wake();
      return id;
    },
  }))),
});

/**
 * Answers with {ok} or {error}. @param {any} message @param {any} sender @param {(reply: object) => void} reply @param {() => Promise<void>} wake
 * @returns {boolean} whether the answer comes later
 */
export function answer(message, sender, reply, wake) {
  const from = whoIs(sender);
  const handler = from && handlers(wake)[from].get(message?.t);
  if (!handler) {
    if (from) reply({ error: { code: "MessageRefusedError", message: `${from} may not ask ${JSON.stringify(message?.t ?? null)?.slice(0, 100)}` } });
    return false;
  }
  handler(message, sender).then(
    (ok) => reply({ ok: ok ?? null }),
    (error) => reply({ error: { code: error.code ?? error.name, message: String(error.message) } }),
  );
  return true;
}

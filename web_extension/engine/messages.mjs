/** What the background answers, and to whom: a script in somebody's page may ask what is made for it (own.mjs), and nothing else. */
import { showCounts } from "./badge.mjs";
import { ensureForPage, park } from "./host.mjs";
import { asked } from "../own.mjs";
import { whoIs } from "./senders.mjs";
import { chosenStorage } from "./storage.mjs";

/** @typedef {Record<string, (message: any, sender: any) => Promise<unknown>>} Handlers by the message's `t` */

/** What pages of any extension with an engine ask. @type {Handlers} */
const common = { ensure: ensureForPage, park, storage: chosenStorage, counts: showCounts };

/** @param {import("./senders.mjs").From} from @param {unknown} type @param {() => Promise<void>} wake */
function handlerOf(from, type, wake) {
  if (typeof type !== "string") return null;
  if (from === "extension" && Object.hasOwn(common, type)) return common[type];
  if (!Object.hasOwn(asked[from], type)) return null;
  return async (/** @type {any} */ message, /** @type {any} */ sender) => {
    const answer = await asked[from][type](message, sender);
    await wake();
    return answer;
  };
}

/**
 * Answers with {ok} or {error}. @param {any} message @param {any} sender @param {(reply: object) => void} reply @param {() => Promise<void>} wake
 * @returns {boolean} whether the answer comes later
 */
export function answer(message, sender, reply, wake) {
  const from = whoIs(sender);
  const handler = from && handlerOf(from, message?.t, wake);
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

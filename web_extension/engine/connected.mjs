/** How the extension's pages reach the engine: they have none themselves, and ask the background for one whenever none answers. */
import { connect } from "../weft/connection.mjs";
import { leave } from "../weft/left_calls.mjs";
import { STORE, api } from "./api.mjs";
import { lookWhileInView } from "./looking.mjs";

const ASK_AGAIN_MS = 5_000;

const TRIES = 5;
const AGAIN_MS = 200;

/**
 * The browser may stop the background while it is asked: then it is asked again, so what is asked must be the same when it is done twice.
 * @param {object} message @returns {Promise<any>} the background's answer; rejects with what it says
 */
export async function tell(message) {
  for (let left = TRIES; ; left--) {
    try {
      const { ok, error } = await api.runtime.sendMessage(message);
      if (!error) return ok;
      throw Object.assign(new Error(error.message), { code: error.code });
    } catch (error) {
      if (/** @type {any} */ (error).code || left === 1) throw error;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

/** @param {(trouble: string) => void} troubled no engine can be had, and why; "" when that is over @returns {import("../weft/connection.mjs").Connection} */
export function connected(troubled) {
  lookWhileInView();
  const weft = connect({ name: STORE });
  let trouble = "";
  const say = (/** @type {string} */ text) => void (text !== trouble && troubled((trouble = text)));
  const ensure = async (/** @type {boolean} */ again) => {
    if (document.visibilityState !== "visible") return;
    const failure = await tell({ t: "ensure", again }).catch((error) => error);
    if (weft.status.state === "waiting") say(failure ? `The engine could not start: ${failure.message}` : "");
  };
  /** @type {ReturnType<typeof setInterval>} */ let asking;
  weft.onstatus(({ state }) => {
    clearInterval(asking);
    if (state === "ready") say("");
    if (state !== "waiting") return;
    void ensure(false);
    asking = setInterval(ensure, ASK_AGAIN_MS, true);
  });
  document.addEventListener("visibilitychange", () => weft.status.state === "waiting" && ensure(false));
  return weft;
}

/**
 * Decide a review. When this resolves that is on disk, and counts, whether an engine runs by now or not, and though this page be closed at once.
 * @param {string} review its id @param {"approved" | "rejected"} decision @param {string} feedback
 */
export async function decide(review, decision, feedback) {
  const params = { review_id: review, decision, feedback: feedback || null, decision_id: `page:${review}` };
  await leave(STORE, { id: `review:${review}`, method: "submit_review", params });
  await tell({ t: "ensure" });
}

/** What the background asks of the engine: written down first, so that it is done whatever becomes of the background and of the engine. */
import { leave } from "../weft/left_calls.mjs";
import { STORE } from "../workflows.mjs";

/** A new run's id. @param {string} prefix */
export const newId = (prefix) => `${prefix}-${Date.now().toString(36)}-${crypto.randomUUID().slice(0, 8)}`;

/**
 * Resolves with the run's id when it is certain that there will be a run; an engine begins it when it hears of it, or next time.
 * @param {string} workflow @param {unknown[]} input @param {string} [id] of who may have to ask again: one id is one run
 * @returns {Promise<string>}
 */
export async function startLater(workflow, input, id = newId(workflow)) {
  await leave(STORE, { id, method: "start", params: { workflow, input, id, on_conflict: "return_existing" } });
  return id;
}

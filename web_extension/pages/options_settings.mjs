/** The form of the settings. */
import { readSettings, writeSettings } from "../clips/settings.mjs";

/** @param {HTMLFormElement} form @param {{error: HTMLElement, saved: HTMLElement}} says */
export async function showSettings(form, { error, saved }) {
  const field = (/** @type {string} */ name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
  const before = await readSettings();
  field("webhook").value = before.webhook;
  field("review").checked = before.review;
  field("storage").value = before.storage;
  form.oninput = () => void (saved.textContent = "");
  form.onsubmit = async (event) => {
    event.preventDefault();
    const refused = await save({ webhook: field("webhook").value.trim(), review: field("review").checked, storage: /** @type {any} */ (field("storage").value) });
    error.textContent = refused;
    field("webhook").setAttribute("aria-invalid", String(refused !== ""));
    if (refused) field("webhook").focus();
    else saved.textContent = "Saved. It counts for the clips from now on.";
  };
}

/** @param {import("../clips/settings.mjs").Settings} settings @returns {Promise<string>} why not, or "" */
async function save(settings) {
  return writeSettings(settings).then(() => "", (/** @type {Error} */ error) => error.message);
}

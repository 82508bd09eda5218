/** Everything as one file: out, and back in. */
import { bytes } from "../weft/panel_dom.mjs";
import { ago } from "./clip_words.mjs";

const ADDRESS_LIVES_MS = 60_000;

/**
 * @param {import("../weft/connection.mjs").Connection} weft
 * @param {{backup: HTMLElement, exporting: HTMLButtonElement, importing: HTMLButtonElement, file: HTMLInputElement, said: HTMLElement,
 *   dialog: HTMLDialogElement, about: HTMLElement}} parts
 */
export function showData(weft, { backup, exporting, importing, file, said, dialog, about }) {
  const say = (/** @type {string} */ text) => void (said.textContent = text);
  const remind = async () => void (backup.textContent = reminder(await weft.backupStatus()));
  const busy = async (/** @type {() => Promise<void>} */ work) => {
    exporting.disabled = importing.disabled = true;
    await work().catch((error) => say(`Nothing was done: ${error.message}`));
    exporting.disabled = importing.disabled = false;
    await remind();
  };
  exporting.onclick = () => busy(async () => {
    const made = await weft.export({ onProgress: ({ bytes: size }) => say(`${bytes(size)}…`) });
    save(made, `clips-${new Date().toISOString().slice(0, 10)}.weft`);
    say(`Exported ${bytes(made.size)}.`);
  });
  importing.onclick = () => file.click();
  file.onchange = () => busy(async () => {
    const [chosen] = file.files ?? [];
    file.value = ""; // so that the same file can be chosen again
    if (chosen) say((await bringIn(weft, chosen, say, () => confirmed(dialog, about, chosen.name))) ? `Imported ${chosen.name}. Its clips go on here.` : "Nothing was changed.");
  });
  void remind().catch(() => {});
}

/**
 * @param {import("../weft/connection.mjs").Connection} weft @param {File} file @param {(text: string) => void} say
 * @param {() => Promise<boolean>} mayReplace @returns {Promise<boolean>} whether it was
 */
async function bringIn(weft, file, say, mayReplace) {
  const onProgress = (/** @type {{bytes: number, of: number}} */ { bytes: at, of }) => say(`${Math.round((100 * at) / of)} %`);
  try {
    await weft.import(file, { onProgress });
  } catch (error) {
    if (/** @type {any} */ (error).code !== "StoreNotEmptyError") throw error;
    if (!(await mayReplace())) return false;
    await weft.import(file, { onProgress, replace: true });
  }
  return true;
}

/** @param {HTMLDialogElement} dialog @param {HTMLElement} about @param {string} name of the file @returns {Promise<boolean>} */
function confirmed(dialog, about, name) {
  about.textContent = `The clips that are here are given up for those of ${name}. This cannot be undone; an export keeps them.`;
  dialog.returnValue = "keep"; // what Escape means
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "replace"), { once: true }));
}

/** @param {Blob} file @param {string} name */
function save(file, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), ADDRESS_LIVES_MS);
}

/** @param {{exported_at: number | null, changes: number}} status */
function reminder({ exported_at: at, changes }) {
  const since = changes === 1 ? "1 change" : `${changes} changes`;
  if (at === null) return "Never exported. The file has every clip, at the step where it stands. The command “weft import” takes it, too.";
  return `Exported ${ago(at, Date.now())}; ${changes ? `${since} since` : "nothing has changed since"}.`;
}

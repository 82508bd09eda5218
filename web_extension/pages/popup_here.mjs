/** The page that the user looks at, and the button that clips it. */
import { api } from "../engine/api.mjs";
import { newId } from "../engine/asking.mjs";
import { siteOf, webAddress } from "./clip_words.mjs";
import { tell } from "../engine/connected.mjs";

/** @param {{title: HTMLElement, site: HTMLElement, button: HTMLButtonElement, hint: HTMLElement}} parts */
export async function clipHere({ title, site, button, hint }) {
  const tab = await lookedAt();
  const address = webAddress(tab?.url);
  title.textContent = address ? tab.title || address : "Nothing to clip here";
  site.textContent = address ? siteOf(address) : "This is no page of the web.";
  button.disabled = address === null;
  button.onclick = async () => {
    button.disabled = true;
    hint.textContent = "Saving…";
    try {
      await tell({ t: "clip-tab", tabId: tab.id, id: newId("clip") });
      hint.textContent = "Saved. The rest happens by itself, offline or not.";
    } catch (error) {
      hint.textContent = `Not saved: ${/** @type {Error} */ (error).message}`;
      button.disabled = false;
    }
  };
}

/** The tab that the popup is over; one that is opened as a tab itself is told which (?tab=). @returns {Promise<any>} */
async function lookedAt() {
  const told = new URLSearchParams(location.search).get("tab");
  if (told) return api.tabs.get(Number(told)).catch(() => null);
  return (await api.tabs.query({ active: true, currentWindow: true }))[0];
}

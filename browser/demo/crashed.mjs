/** The page that is left after "Crash this tab". It starts no engine; it notes when the crash was, for the timeline. */
import { noteCrash } from "./crashes.mjs";

const when = document.getElementById("when");
const again = document.getElementById("again");
if (when) when.textContent = new Date().toLocaleTimeString();
if (again instanceof HTMLAnchorElement) {
  again.href = `./${location.search}${location.hash}`;
  again.focus();
}
noteCrash(decodeURIComponent(location.hash.slice(1)));

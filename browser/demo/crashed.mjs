/** The page that is left after "Crash this tab". It starts no engine. */
const when = document.getElementById("when");
const again = document.getElementById("again");
if (when) when.textContent = new Date().toLocaleTimeString();
if (again instanceof HTMLAnchorElement) {
  again.href = `./${location.search}${location.hash}`;
  again.focus();
}

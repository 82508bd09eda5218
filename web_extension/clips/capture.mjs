/** Reads a tab: runs in the page, in a world of the extension's own, so it may use nothing from outside of itself. */

/** @param {"page" | "selection"} kind @returns {{url: string, title: string, html: string}} */
export function capture(kind) {
  const selection = getSelection();
  if (kind === "page" || !selection?.rangeCount) return { url: location.href, title: document.title, html: document.documentElement.outerHTML };
  const part = document.createElement("div");
  for (let i = 0; i < selection.rangeCount; i++) part.append(selection.getRangeAt(i).cloneContents());
  return { url: location.href, title: document.title, html: part.innerHTML };
}

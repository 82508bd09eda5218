/** A frozen page, or one in the back/forward cache, must not keep the lock and the connection (dxos #11757). */

/** Nothing where there is no page. @param {() => void} sleep @param {() => void} wake */
export function followPageLifecycle(sleep, wake) {
  if (!globalThis.document) return;
  document.addEventListener("freeze", sleep);
  document.addEventListener("resume", wake);
  window.addEventListener("pagehide", (event) => event.persisted && sleep());
  window.addEventListener("pageshow", (event) => event.persisted && wake());
}

/** @param {() => void} work */
export function whenIdle(work) {
  if ("requestIdleCallback" in globalThis) requestIdleCallback(work, { timeout: 2_000 });
  else setTimeout(work, 500);
}

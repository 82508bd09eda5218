/** Whether somebody looks: while a page of the extension is in view the engine stays, though it has nothing to do. */

const LOCK = "weft:looking";

/** Hold it while this page is in view. The browser gives it back when the page ends, however that ends. */
export function lookWhileInView() {
  let leave = () => {};
  const follow = () => {
    leave();
    if (document.visibilityState !== "visible") return;
    let left = false;
    leave = () => void (left = true);
    void navigator.locks.request(LOCK, { mode: "shared" }, () => left || new Promise((resolve) => (leave = () => resolve(undefined))));
  };
  document.addEventListener("visibilitychange", follow);
  follow();
}

/** @returns {Promise<boolean>} */
export async function isLookedAt() {
  const { held = [] } = await navigator.locks.query();
  return held.some(({ name }) => name === LOCK);
}

/**
 * A browser that keeps nothing for a page (all cookies blocked, say) also denies it the means by which tabs find each other: Web Locks, in
 * Firefox broadcast channels too. There is no store to share then: such a tab runs an engine for itself alone, in memory.
 */

/** @typedef {Pick<BroadcastChannel, "postMessage" | "close"> & {onmessage: ((event: MessageEvent) => void) | null}} Channel */

/** Nobody is on it. @returns {Channel} */
export const silentChannel = () => ({ onmessage: null, postMessage() {}, close() {} });

/** @param {string} name @returns {Channel} */
export function openChannel(name) {
  try {
    return new BroadcastChannel(name);
  } catch (error) {
    if (!isDenied(error)) throw error;
    return silentChannel();
  }
}

/** Whether the browser refuses Web Locks. One that has none is another matter. @returns {Promise<boolean>} */
export async function locksDenied() {
  return Boolean(await navigator.locks?.query().then(() => false, isDenied));
}

/** @param {unknown} error */
export const isDenied = (error) => error instanceof DOMException && error.name === "SecurityError";

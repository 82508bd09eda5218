/**
 * Brings the engine worker and who hosts its store together: dedicated workers cannot reach the Service Worker themselves in every browser, nor
 * the background of an extension in any.
 */
import { PROTOCOL, understood } from "./protocol.mjs";
import { WeftError } from "./rpc.mjs";

/** What Firefox and Chromium throw where the user keeps sites from storing anything. */
const DENIALS = new Set(["SecurityError", "NotSupportedError"]);

/** The path of the scope of the Service Worker that serves this page; null without one. @returns {string | null} */
export function servedScope() {
  const serving = navigator.serviceWorker?.controller;
  return serving ? new URL("./", serving.scriptURL).pathname : null;
}

export class Broker {
  /** @param {string | null} url of sw.mjs, relative to the page; null: none is wanted @param {(() => Promise<MessagePort>) | null} [storagePort] to another host */
  constructor(url, storagePort = null) {
    this.url = url;
    this.storagePort = storagePort;
    /** @type {Promise<ServiceWorkerRegistration | null> | null} */ this.registration = null;
  }

  /** Resolves when a Service Worker is active (with null when none is wanted). */
  register() {
    this.registration ??= this.#register();
    return this.registration;
  }

  async #register() {
    if (this.url === null) return null;
    if (!navigator.serviceWorker) throw unavailable("this page has no service workers (private window, plain http, or an old browser)");
    const because = whyNotInstalled();
    const registration = await navigator.serviceWorker.register(new URL(this.url, document.baseURI), { type: "module", updateViaCache: "none" }).catch((error) => {
      throw DENIALS.has(error.name) ? unavailable(`the browser denies this page a service worker (${error.message})`) : error;
    });
    await activation(registration, because);
    return registration;
  }

  /**
   * Give the worker a new port to the host. `active.postMessage` starts a Service Worker that the browser has stopped, and is what
   * keeps it alive: a port alone does not.
   * @param {Worker | null} worker @param {number} id of the worker's request
   */
  async connect(worker, id) {
    try {
      const port = await (this.storagePort ?? (() => this.#port()))();
      worker?.postMessage({ t: "port", id, port }, [port]);
    } catch (error) {
      worker?.postMessage({ t: "port", id, error: String(error instanceof Error ? error.message : error) });
    }
  }

  async #port() {
    const registration = await this.register();
    if (!registration?.active) throw new Error("no service worker is registered; pass serviceWorker: \"./sw.mjs\"");
    const { port1, port2 } = new MessageChannel();
    registration.active.postMessage({ v: PROTOCOL, t: "store-port" }, [port1]);
    return port2;
  }
}

/** @param {string} why */
const unavailable = (why) => new WeftError({ code: "ServiceWorkerUnavailableError", message: `${why}; open Weft with storage: "direct"` });

/** Resolves with what the Service Worker says of an installation that fails. @returns {Promise<Error>} */
function whyNotInstalled() {
  return new Promise((resolve) => {
    navigator.serviceWorker.addEventListener("message", ({ data }) => understood(data?.v) && data.t === "not-installed" && resolve(new WeftError(data.error)));
    navigator.serviceWorker.startMessages();
  });
}

/** What it says of it may come after the news that it has failed: so long that is waited for. */
const SAID_MS = 5_000;
const UNKNOWN = "the service worker could not be installed; its console names the file that is missing or damaged";

/** @param {ServiceWorkerRegistration} registration @param {Promise<Error>} because @returns {Promise<void>} */
function activation(registration, because) {
  if (registration.active) return Promise.resolve();
  const worker = registration.installing ?? registration.waiting;
  return new Promise((resolve, reject) => {
    worker?.addEventListener("statechange", () => {
      if (worker.state === "activated") resolve();
      // `serviceWorker.ready` would never settle then.
      if (worker.state !== "redundant") return;
      void because.then(reject);
      setTimeout(() => reject(new Error(UNKNOWN)), SAID_MS);
    });
  });
}

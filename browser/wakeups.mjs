/**
 * Moments at which it may be time to look at what is due: the network is back, the page is looked at again, the Service Worker had an event.
 * Each is a hint for the tab that leads and nothing more: deadlines and runs are in the store, and opening an engine reads them all.
 */
import { understood } from "./protocol.mjs";

const SYNC = "weft";
const PERIODIC_MS = 12 * 3_600_000;
/** These say that the network can be reached, so what has failed may be tried again. */
const REACHABLE = new Set(["online", "sync", "push", "periodicsync"]);

export class Wakeups {
  /** @type {ServiceWorkerRegistration | null} */ #registration = null;

  /** @param {import("./rpc.mjs").Caller} caller @param {() => boolean} leads */
  constructor(caller, leads) {
    this.caller = caller;
    this.leads = leads;
    this.ears = new AbortController();
  }

  /** Listen for as long as the tab is open. @param {ServiceWorkerRegistration | null} registration */
  listen(registration) {
    this.#registration = registration;
    const { signal } = this.ears;
    window.addEventListener("online", () => this.hint("online"), { signal });
    window.addEventListener("offline", () => void this.askForSync(), { signal });
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.hint("visible"), { signal });
    navigator.serviceWorker?.addEventListener("message", ({ data }) => {
      if (!understood(data?.v)) return;
      if (data.t === "wake") this.hint(data.reason);
      else if (data.t === "refused" || data.t === "not-installed") console.warn(`weft: ${data.error.message}`);
    }, { signal });
    navigator.serviceWorker?.startMessages();
    if (!navigator.onLine) void this.askForSync();
    void this.#askForPeriodicSync();
  }

  close() {
    this.ears.abort();
  }

  /** @param {string} reason */
  hint(reason) {
    this.caller.call("wake", { retry: REACHABLE.has(reason) }, 10_000).catch(() => {}); // nobody leads, or an engine that knows no hints
  }

  /** While this browser is offline and there is work, have the Service Worker told when it is online again, also with all tabs closed. */
  async askForSync() {
    const { sync } = /** @type {any} */ (this.#registration ?? {});
    if (!sync || !this.leads()) return;
    const { count } = await this.caller.call("count", { status: ["running", "pending", "suspended", "transferring", "moved"] }, 10_000).catch(() => ({ count: 0 }));
    if (count) await sync.register(SYNC).catch(() => {}); // the user may have forbidden it
  }

  /** Only an installed app is granted this, and Chromium alone has it. */
  async #askForPeriodicSync() {
    const { periodicSync } = /** @type {any} */ (this.#registration ?? {});
    if (!periodicSync) return;
    const asked = navigator.permissions.query({ name: /** @type {any} */ ("periodic-background-sync") }).catch(() => null);
    if ((await asked)?.state === "granted") await periodicSync.register(SYNC, { minInterval: PERIODIC_MS }).catch(() => {});
  }
}

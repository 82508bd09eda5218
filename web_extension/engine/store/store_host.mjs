/**
 * Serves stores over browser.storage, in the background of the extension: to the pages that connect a port named "weft-store", or in the same
 * context. As the host in a Service Worker it holds nothing that matters, and may be stopped at any moment.
 */
import { PROTOCOL } from "../../weft/protocol.mjs";
import { serveStore } from "../../weft/store_host.mjs";
import { ExtensionStore } from "./extension_store.mjs";
import { JsonPort } from "./json_port.mjs";
import { whoIs } from "../senders.mjs";

export const PORT_NAME = "weft-store";

/**
 * @typedef {object} Runtime
 * @property {() => {permissions?: string[]}} getManifest
 * @property {import("./json_port.mjs").Listening<(port: import("./json_port.mjs").RuntimePort) => void>} onConnect
 */

export class StoreHost {
  /** @type {Map<string, ExtensionStore>} */ #stores = new Map();

  /** @param {Runtime} runtime @param {import("./extension_store.mjs").Area} area */
  constructor(runtime, area) {
    this.runtime = runtime;
    this.area = area;
  }

  /** To be called in the first turn of the background: a port that wakes it waits for this listener. */
  listen() {
    this.runtime.onConnect.addListener((port) => {
      if (port.name !== PORT_NAME) return;
      // A content script has our id, too, but the address of its page.
      if (whoIs(port.sender ?? {}) === "extension") void serveStore(new JsonPort(port), PROTOCOL, (name) => this.#store(name));
      else port.disconnect();
    });
  }

  /** A port to a store for who is in this context: a connection of the background to itself would reach nobody. */
  port() {
    const { port1, port2 } = new MessageChannel();
    void serveStore(port1, PROTOCOL, (name) => this.#store(name));
    return port2;
  }

  /** @param {string} name */
  #store(name) {
    const found = this.#stores.get(name);
    if (found) return found;
    const unlimited = this.runtime.getManifest().permissions?.includes("unlimitedStorage");
    const store = new ExtensionStore(name, this.area, unlimited ? { quotaBytes: null } : {});
    this.#stores.set(name, store);
    return store;
  }
}

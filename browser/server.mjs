/**
 * The server of this device, to which runs go whose workflow says so (docs/handoff.md). Each engine that answers is given its address, and the
 * token that opens it, which is stored nowhere: a function gives it, again when the server does not know the last one any more.
 */
import { WeftError } from "./rpc.mjs";

/** A token that was refused is asked for again after so long, not sooner: who gives it may have to ask the user. */
const ASK_AGAIN_MS = 10_000;
const SOON_MS = 500;

/**
 * @typedef {object} ServerOptions
 * @property {string} url of `weft serve`, relative to the page
 * @property {string | (() => string | Promise<string>)} [token] or the function that gives it
 *
 * @typedef {object} ServerFacts
 * @property {string} url "" where no tab was opened with a server
 * @property {"unknown" | "online" | "offline" | "denied"} state how the last question to it went; denied: it does not know the token
 * @property {string} trouble
 */

/** Its address as the engine takes it. @param {ServerOptions | undefined} server @returns {string} "" without one */
export function addressOf(server) {
  if (!server) return "";
  if (server.url) return new URL(server.url, document.baseURI).href.replace(/\/+$/, "");
  throw new WeftError({ code: "InvalidInputError", message: "Weft.open: server needs a url, that of `weft serve`", facts: { call: "Weft.open" } });
}

export class ServerLink {
  /** @type {string | undefined} the token that was given last */ #given;
  #asked = -Infinity;

  /** @param {ServerOptions} options @param {import("./rpc.mjs").Caller} caller @param {(trouble: string) => void} failed no token can be had */
  constructor(options, caller, failed) {
    this.options = options;
    this.caller = caller;
    this.failed = failed;
    this.url = addressOf(options);
  }

  /** A new engine answers: it knows nothing of what its predecessor was told. */
  introduce() {
    return this.#give(() => true);
  }

  /** The server has refused the token. The same one again would be refused again. */
  async denied() {
    if (typeof this.options.token !== "function" || performance.now() - this.#asked < ASK_AGAIN_MS) return;
    this.#asked = performance.now();
    const refused = this.#given;
    await this.#give((token) => token !== refused);
  }

  /** @param {(token: string | undefined) => boolean} wanted */
  async #give(wanted) {
    try {
      const { token } = this.options;
      const given = typeof token === "function" ? await token() : token;
      if (!wanted(given)) return;
      this.#given = given;
      await this.caller.call("use_server", { url: this.url, token: given }, 0);
    } catch (error) {
      this.#asked = performance.now() - ASK_AGAIN_MS + SOON_MS; // nobody has answered: nobody is bothered by another try
      this.failed(String(/** @type {any} */ (error)?.message ?? error));
    }
  }
}

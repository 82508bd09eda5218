/**
 * The way from a page of the extension to the store in its background: `Weft.open({storage: "extension", storagePort: portToBackground(runtime)})`.
 * The page's worker has no browser.runtime, so the page passes the messages on. To connect wakes a background that was stopped.
 */
import { JsonPort } from "./json_port.mjs";
import { PORT_NAME } from "./store_host.mjs";

/** A background that is being stopped takes a connection and drops it. */
const AGAIN_MS = [50, 200, 800];
/** A port that another has followed is kept for the replies that still come: longer than a request waits for one. */
const AFTERLIFE_MS = 15_000;

/** @typedef {{connect: (info: {name: string}) => import("./json_port.mjs").RuntimePort, lastError?: {message?: string}}} Connecting browser.runtime */

/** @param {Connecting} runtime @returns {() => Promise<MessagePort>} a new port whenever it is called */
export function portToBackground(runtime) {
  /** @type {() => void} */ let follow = () => {};
  return async () => {
    follow();
    const { port, close } = await connected(runtime);
    follow = () => void setTimeout(close, AFTERLIFE_MS);
    return port;
  };
}

/** @param {Connecting} runtime */
async function connected(runtime) {
  for (const pause of AGAIN_MS) {
    const line = await connect(runtime);
    if (line) return line;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  const last = await connect(runtime);
  if (last) return last;
  throw new Error(`the background of the extension takes no connection (${runtime.lastError?.message ?? "it was dropped"})`);
}

/** Resolves when the background has answered, with null when it has not. @param {Connecting} runtime @returns {Promise<{port: MessagePort, close: () => void} | null>} */
function connect(runtime) {
  const far = runtime.connect({ name: PORT_NAME });
  const json = new JsonPort(far);
  const { port1: near, port2: port } = new MessageChannel();
  const close = () => {
    json.close();
    near.close();
  };
  near.onmessage = ({ data }) => json.postMessage(data);
  return new Promise((resolve) => {
    far.onDisconnect.addListener(() => resolve(null));
    json.onmessage = ({ data }) => {
      near.postMessage(data, data.frame ? [data.frame.buffer] : []);
      resolve({ port, close });
    };
  });
}

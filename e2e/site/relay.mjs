/**
 * Stands between the engine worker and the Service Worker, and holds storage messages at which a test kills the Service Worker: a request that
 * has not been delivered yet, or a reply to what has been committed. What was held is lost with the killed one.
 */
const killed = new Set();
let held = null;

/**
 * Which messages are held; set by the test, or `?relay=reply sending`: the first write in which a handoff comes to that state.
 * @type {(phase: "request" | "reply", message: {write: boolean, key: string, text: string}) => boolean}
 */
globalThis.weftHolds = holdsHandoff(...(new URLSearchParams(location.search).get("relay") ?? "").split(" "));
/** The message that is held now, or null. */
globalThis.weftHeld = () => held;
/** The Service Worker is dead: forget the message. */
globalThis.weftLose = () => (held = null);

/** @param {string} phase @param {string} [state] */
function holdsHandoff(phase, state = "") {
  const words = `state${String.fromCharCode(0xa0 + state.length)}${state}`; // as MessagePack has it
  return (seen, { write, text }) => seen === phase && write && text.includes("handoff/") && text.includes(words);
}

/** @param {any} data a request @returns {{write: boolean, key: string, text: string}} the same for one that is sent again */
function named(data) {
  const text = new TextDecoder("latin1").decode(data.frame);
  return { write: Boolean(data.batch), key: data.batch ? `write ${data.batch.seq}` : `read ${[...data.frame].join(" ")}`, text };
}

/** True when the message is held, at each place once, or lost because another one is held: then the Service Worker is as good as dead. @param {"request" | "reply"} phase @param {ReturnType<typeof named>} message */
function hold(phase, message) {
  const place = `${phase} ${message.key}`;
  if (held) return true;
  if (killed.has(place) || !globalThis.weftHolds(phase, message)) return false;
  killed.add(place);
  held = { phase, ...message };
  return true;
}

export function stand() {
  const post = ServiceWorker.prototype.postMessage;
  ServiceWorker.prototype.postMessage = function (message, transfer) {
    return post.call(this, message, message?.t === "store-port" ? [between(transfer[0])] : transfer);
  };
}

/** @param {MessagePort} client where the answers are waited for @returns {MessagePort} for the Service Worker */
function between(client) {
  const { port1: host, port2 } = new MessageChannel();
  const asked = new Map();
  /** @type {any[] | null} requests until the host has introduced itself: one that dies before that is found out by its silence only */
  let early = [];
  const deliver = (data) => hold("request", named(data)) || host.postMessage(data);
  client.onmessage = ({ data }) => {
    asked.set(data.id, named(data));
    if (early) early.push(data);
    else deliver(data);
  };
  host.onmessage = ({ data }) => {
    const request = asked.get(data.id);
    if (!request || !hold("reply", request)) client.postMessage(data);
    if (data.t !== "host") return;
    early?.forEach(deliver);
    early = null;
  };
  return port2;
}

/**
 * The engine worker of a tab. It waits for the Web Lock of its store; until then it may load Python as a standby. With the lock it opens the
 * engine, says so to all tabs, answers their calls and sends them the events. It dies with its tab, and the next in line goes on.
 */
import { cacheOf } from "./build.mjs";
import { EngineHost, plainError } from "./engine_host.mjs";
import { Election } from "./election.mjs";
import { OLDEST, PROTOCOL, mismatch, outdated } from "./protocol.mjs";
import { replyTo } from "./rpc.mjs";

/**
 * @typedef {import("./engine_host.mjs").HostOptions & {t: "init", scope: string | null}} Init what the page sends first; `scope`: the path of
 *   that of the Service Worker that serves the page
 */

/** @type {EngineHost} */ let host;
/** @type {Election} */ let election;
/** @type {BroadcastChannel} */ let channel;
let opened = 0;

const toPage = (/** @type {object} */ message) => postMessage(message);
const toAll = (/** @type {object} */ message) => channel.postMessage({ v: OLDEST, ...message }); // a reply has its own
const status = (/** @type {object} */ change) => toPage({ t: "status", status: change });
const announcement = () => ({ t: "leader", leader: host.options.id, opened, protocol: PROTOCOL });

/** @param {Init} init */
function start(init) {
  channel = new BroadcastChannel(`weft:${init.name}`);
  channel.onmessage = ({ data }) => heard(data);
  // The page may be bundled: this file, which lies beside the others, knows the build.
  host = new EngineHost({ ...init, cache: init.scope === null ? null : cacheOf(init.scope) }, {
    event: (text) => toAll({ t: "event", text }), // also reaches this tab's page
    status,
    opened(count) {
      opened = count;
      toPage(announcement());
      toAll(announcement());
    },
    fenced: failed, // end, and stand in line again
    needPort: (id) => toPage({ t: "need-port", id }),
  });
  election = new Election(init.name);
  election.stand(lead).catch((error) => failed(plainError(error)));
}

async function lead() {
  status({ role: "leader", state: "loading" });
  await host.open();
}

/** @param {import("./engine_host.mjs").PlainError} error */
function failed(error) {
  host.ready = false;
  toAll({ t: "ended", leader: host.options.id });
  toPage({ t: "failed", error });
}

/** @param {number} seconds */
async function drain(seconds) {
  await host.drain(seconds).catch((error) => console.warn("weft: not drained:", error));
  toAll({ t: "ended", leader: host.options.id });
  toPage({ t: "drained" });
}

/** @param {any} message from another tab */
function heard(message) {
  if (message.v > PROTOCOL || !host?.ready) return;
  const old = outdated(message.v);
  if (message.t === "hello") toAll(old ? { ...announcement(), v: message.v } : announcement()); // so that it asks, and is told
  else if (message.t !== "call") return;
  else if (old) toAll(replyTo(message, JSON.stringify({ error: mismatch(message.v, "the tab that leads") })));
  else host.accept(message, toAll);
}

self.onmessage = ({ data }) => {
  switch (data.t) {
    case "init": return start(data);
    case "warm": return void host.prepare().catch((error) => console.warn("weft: standby not loaded:", error));
    case "drain": return void drain(data.seconds);
    case "call": return host.accept(data, toPage);
    case "port": return host.connected(data);
  }
};

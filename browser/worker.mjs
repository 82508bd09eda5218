/**
 * The engine worker of a tab. It stands in line for the Web Lock of its store; until then it may load Python as a standby, and watches over the
 * leader. With the lock it opens the engine, says so to all tabs, answers their calls and sends them the events. When the lock is stolen, or
 * the store says that another engine owns it, it stops its engine and stands in line again. It dies with its tab, and the next goes on.
 */
import { cacheOf } from "./build.mjs";
import { locksDenied, openChannel, silentChannel } from "./denied.mjs";
import { EngineHost, plainError } from "./engine_host.mjs";
import { Election } from "./election.mjs";
import { HeapWatch } from "./heap_watch.mjs";
import { Heartbeat, Watch } from "./heartbeat.mjs";
import { OLDEST, PROTOCOL, mismatch, outdated } from "./protocol.mjs";
import { replyTo } from "./rpc.mjs";
import { LOOP_LIMIT_S } from "./worker_watch.mjs";

/**
 * @typedef {import("./engine_host.mjs").HostOptions & {t: "init", scope: string | null, heapLimitMB: number, beware: import("./engine_host.mjs").Beware | null}} Init what the page sends first; `scope`: the path of
 *   that of the Service Worker that serves the page
 */

/** An engine that does not stop for so long is ended with its worker. */
const STOP_TIMEOUT_MS = 10_000;
/** Before it stands in line again: two engines that fence one another must not do so without end. */
const FENCED_PAUSES_MS = [100, 1_000, 5_000, 30_000];
const WELL_MS = 60_000;

/** @type {EngineHost} */ let host;
/** @type {Election} */ let election;
/** @type {import("./denied.mjs").Channel} */ let channel;
/** @type {Watch | null} while in line */ let watch = null;
/** @type {Heartbeat | null} while leading */ let heartbeat = null;
/** @type {import("./engine_host.mjs").PlainError | null} */ let fencedBy = null;
/** @type {import("./server.mjs").ServerFacts | null} */ let server = null;
/** @type {HeapWatch} */ let heap;
let opened = 0;
let fenced = 0; // times in a row
let began = 0; // to lead, by this worker's clock

const toPage = (/** @type {object} */ message) => postMessage(message);
/** @param {object} message a reply says which version it has */
const toAll = (message) => (election.alone ? toPage(message) : channel.postMessage({ v: OLDEST, ...message }));
const status = (/** @type {object} */ change) => toPage({ t: "status", status: change });
const announcement = () => ({ t: "leader", leader: host.options.id, opened, protocol: PROTOCOL, store: host.watch.facts, server });

function leads() {
  toPage(announcement());
  toAll(announcement());
}

/** @param {Init} init */
function start(init) {
  channel = openChannel(`weft:${init.name}`);
  channel.onmessage = ({ data }) => heard(data);
  // The page may be bundled: this file, which lies beside the others, knows the build.
  host = new EngineHost({ ...init, cache: init.scope === null ? null : cacheOf(init.scope) }, {
    event: (text) => toAll({ t: "event", text }), // also reaches this tab's page
    status: (change) => (election.leading || "standby" in change) && status(change),
    opening: () => toPage({ t: "opening" }),
    opened(count) {
      opened = count;
      heap.begin(host.heapNeeded);
      toPage(announcement());
      toAll(announcement());
    },
    fenced(error) {
      fencedBy = error;
      election.resign();
    },
    store() {
      status(host.watch.facts);
      if (host.ready) toAll(announcement());
    },
    server(facts) {
      server = facts;
      toPage({ t: "server", server });
      toAll({ t: "server", server });
    },
    looping(looping) {
      toPage({ t: "looping", looping }); // is heard at once
      setTimeout(() => toPage({ t: "looping", looping: null })); // when it has ended
    },
    entering: (entered) => toPage({ t: "entering", entered }),
    needPort: (id) => toPage({ t: "need-port", id }),
  });
  host.beware = init.beware;
  heap = new HeapWatch(init.heapLimitMB * 1024 * 1024, () => host.heapBytes(), {
    changed: (bytes) => status({ heap: { bytes, limit: heap.limit } }),
    full: (bytes) => toPage({ t: "heap-full", bytes }),
  });
  election = new Election(init.name);
  serve().catch((error) => failed(plainError(error)));
}

/** Lead, again and again, whenever it is this worker's turn. */
async function serve() {
  if (await locksDenied()) leadAlone();
  for (;;) {
    watch = new Watch(host.options.name, host.options.loopLimit ?? LOOP_LIMIT_S, { ask: (leader) => toAll({ t: "silent", leader }), steal: () => election.steal() });
    try {
      await election.stand(lead);
    } finally {
      watch?.stop();
      heartbeat?.stop();
    }
    await demoted();
  }
}

/** The browser keeps nothing, and lets nobody find the other tabs: this one has an engine of its own. */
function leadAlone() {
  election.alone = true;
  channel.close();
  channel = silentChannel();
  toPage({ t: "alone" });
}

async function lead() {
  began = performance.now();
  watch?.stop();
  heartbeat = new Heartbeat(host.options.name, host.options.id, watch?.thefts ?? 0);
  watch = null;
  status({ role: "leader", state: "loading" });
  toAll({ t: "took", leader: host.options.id });
  await host.open();
}

/** Another leads, or will: give way quietly. */
async function demoted() {
  heap.stop();
  const closed = host.close();
  toAll({ t: "ended", leader: host.options.id });
  toPage({ t: "ended", leader: host.options.id });
  const why = (await within(STOP_TIMEOUT_MS, closed)) || fencedBy?.message || "its lock was stolen";
  status({ state: "follower", role: "follower", stage: `gave way: ${why}`, error: null });
  if (performance.now() - began > WELL_MS) fenced = 0;
  if (fencedBy) await new Promise((resolve) => setTimeout(resolve, FENCED_PAUSES_MS[Math.min(fenced++, FENCED_PAUSES_MS.length - 1)]));
  fencedBy = null;
}

/** @template T @param {number} ms @param {Promise<T>} work @returns {Promise<T>} */
function within(ms, work) {
  const late = new Error(`the engine did not stop within ${ms} ms`);
  return Promise.race([work, new Promise((_, reject) => setTimeout(() => reject(late), ms))]);
}

/** @param {import("./engine_host.mjs").PlainError} error */
function failed(error) {
  host.ready = false;
  toAll({ t: "ended", leader: host.options.id });
  toPage({ t: "failed", error });
}

/** @param {number} seconds */
async function drain(seconds) {
  heap.stop();
  await host.drain(seconds).catch((error) => console.warn("weft: not drained:", error));
  toAll({ t: "ended", leader: host.options.id });
  toPage({ t: "drained" });
}

/** @param {any} message from another tab */
function heard(message) {
  if (message.v > PROTOCOL || !host) return;
  if (message.t === "busy") watch?.busy();
  if (message.t === "hung") host.beware = message.beware;
  if (message.t === "leader" && message.leader !== host.options.id) host.beware = null; // it has been warned
  if (!host.ready) return;
  const old = outdated(message.v);
  if (message.t === "ended") leads(); // a late word of who led before may have confused the pages
  if (message.t === "hello") toAll(old ? { ...announcement(), v: message.v } : announcement()); // so that it asks, and is told
  else if (message.t === "left") return host.makeLeftCalls();
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
    case "ping": return toPage({ t: "pong" });
    case "port": return host.connected(data);
  }
};

/** Says everything that a page can say, and returns what was answered, and which verbs of the wire it were. */
/** @param {import("../../browser/client.mjs").Weft} weft */
export async function everyVerb(weft) {
  const used = new Set();
  const ask = weft.call;
  weft.call = (method, ...rest) => (used.add(method), ask.call(weft, method, ...rest));
  const code = (promise) => promise.then(() => "no error", (error) => error.code);
  const status = async (id) => (await weft.describe(id)).status;
  const said = {};

  // a run, its messages, and looking at it
  await weft.start("counter", [10], { id: "c1", attributes: { city: "Bern" }, tags: ["demo"], executionTimeout: "1 day" });
  said.again = (await weft.start("counter", [10], { id: "c1", onConflict: "return_existing" })).id;
  said.update = await weft.update("c1", "add", 5, { updateId: "u1" });
  said.recorded = (await weft.getUpdate("c1", "u1")).result;
  said.once = await weft.update("c1", "add", 5, { updateId: "u1", timeout: "1 minute" });
  said.query = await weft.query("c1", "total");
  said.found = (await weft.list({ status: ["running"], attributes: { city: "Bern" }, idPrefix: "c", tags: ["demo"] })).items.length;
  said.count = await weft.count({ workflow: "counter", created: { gte: "2020-01-01T00:00:00Z" } });
  said.groups = (await weft.aggregate("city")).groups;
  await weft.setAttributes("c1", { city: "Rome", floor: 3 });
  said.attributes = await weft.getAttributes("c1");
  await weft.addTags("c1", ["new"]);
  await weft.removeTags("c1", ["demo"]);
  said.tags = (await weft.describe("c1")).tags;
  said.events = [(await weft.history("c1", { limit: 1 }))[0].type, (await weft.events({ types: ["run_started"] })).events.length];
  said.workflows = (await weft.workflows()).map((found) => found.name).includes("counter");
  said.open = (await weft.diagnostics()).state;
  said.hurried = (await weft.wake()).hurried;

  // state
  said.stage = (await weft.getState("stage", { id: "c1" })).value;
  said.greeting = [await weft.setState("greeting", "hi", { version: 0 }), await weft.setState("greeting", "ho", { version: 0 })];
  said.unset = (await weft.getState("count", { workflow: "counter" })).exists;

  // streams
  await weft.start("streaming", [3], { id: "s1" });
  said.numbers = [];
  for await (const item of weft.tailStream("s1", "numbers")) said.numbers.push(item.value);
  await weft.result("s1");
  said.blob = await weft.loadBlob("s1", "count");
  said.page = (await weft.readStream("s1", "numbers", { after: 1, limit: 1 })).items.map((item) => item.value);

  // putting right
  await weft.signal("c1", "go", "first");
  await weft.suspend("c1", "to look at it");
  said.suspended = await status("c1");
  const kept = (await weft.checkpoints("c1")).items ?? (await weft.checkpoints("c1"));
  const early = Math.min(...kept.map((checkpoint) => checkpoint.step));
  said.early = (await weft.frames("c1", { at: early })).tasks.length;
  said.fork = (await weft.fork("c1", { newId: "c2", edit: { total: 1000 } })).id;
  await weft.rewind("c1", early, { reason: "a test", by: "Ada" });
  await weft.edit("c1", { total: 100 });
  await weft.resume("c1");
  await weft.skip("c1", { value: "by hand" }); // the first signal is in the mailbox again, and was taken again
  said.result = await weft.result("c1");
  await weft.signal("c2", "go", "of the fork");
  said.forked = await weft.result("c2");
  said.retry = await code(weft.retry("c1"));
  said.handoff = [await code(weft.handoff("c1", "http://127.0.0.1:1", { token: "t" })), await code(weft.takeBack("c1")), (await weft.handoffState("c1")).state];
  said.server = [(await weft.serverState()).state, await code(weft.useServer("nowhere")), await code(weft.useServer("http://127.0.0.1:1"))];
  said.dead = (await weft.deadLetters()).items.length;

  // ends
  const which = (signalId) => weft.startOrSignal("counter", [1], { name: "go", payload: signalId }, { id: "c3", signalId });
  said.outcomes = [(await which("s1")).outcome, (await which("s1")).outcome];
  await weft.cancel("c3", "enough");
  said.cancelled = await code(weft.result("c3"));
  await weft.start("counter", [1], { id: "c4", delay: "1 hour" });
  await weft.terminate("c4", "at once");
  said.terminated = await status("c4");
  await weft.purge("c4");
  said.purged = await code(weft.describe("c4"));

  // people, and work that is done elsewhere
  await weft.start("asking", [], { id: "a1" });
  const [review] = (await weft.reviews({ status: "pending", runId: "a1" })).items;
  await weft.submitReview(review.id, { decision: "approved", reviewer: "Ada", decisionId: "d1" });
  said.review = await weft.result("a1");
  const tokens = new BroadcastChannel("tokens");
  const delegated = async (id) => {
    const token = new Promise((resolve) => (tokens.onmessage = ({ data }) => resolve(data)));
    await weft.start("delegating", [], { id });
    return token;
  };
  const token = await delegated("d1");
  await weft.heartbeatAsyncActivity(token, { done: 1 });
  await weft.completeAsyncActivity(token, "by the page");
  await weft.failAsyncActivity(await delegated("d2"), { type: "Broken", message: "no paper" });
  said.delegated = [await weft.result("d1"), await weft.result("d2")];
  tokens.close();

  // queues
  await weft.pauseQueue("slow");
  said.paused = (await weft.queues()).slow.paused;
  await weft.resumeQueue("slow");

  // many at once
  for (const id of ["m1", "m2"]) await weft.start("counter", [1], { id, tags: ["many"] });
  const many = { idPrefix: "m", tags: ["many"], workflow: "counter" };
  const plan = async (verb, more = {}) => (await weft.bulk(verb, { ...many, ...more, dryRun: true })).matched;
  said.plans = [
    await plan("terminate"), await plan("signal", { signal: "go", payload: 1 }), await plan("tag", { add: ["x"] }).catch((e) => e.code),
    await plan("untag", { remove: ["x"] }).catch((e) => e.code), await plan("resume"), await plan("delete").catch((e) => e.code),
  ];
  const { confirmation_token: confirm } = await weft.bulk("cancel", { ...many, dryRun: true });
  said.bulk = await weft.bulk("cancel", { ...many, confirm, by: "Ada" });
  said.audit = (await weft.audit()).items.length;

  // schedules
  const made = await weft.schedule("short", ["tick"], { id: "hourly", every: "1 hour", overlap: "allow" });
  said.schedule = [made.id, (await weft.listSchedules({ limit: 10 })).items.length];
  await weft.pauseSchedule("hourly", "at night");
  said.pausedSchedule = (await weft.describeSchedule("hourly")).status;
  await weft.resumeSchedule("hourly");
  await weft.updateSchedule("hourly", { every: "2 hours" });
  said.triggered = await weft.result((await weft.triggerSchedule("hourly")).id);
  said.backfilled = (await weft.backfillSchedule("hourly", { start: 1767225600, end: 1767225600 + 4 * 3600 })).length;
  await weft.deleteSchedule("hourly");
  said.deleted = await code(weft.describeSchedule("hourly"));


  // starts that are gathered
  const late = (n) => weft.startDebounced("counter", [n], { key: "k", delay: "1 hour", maxDelay: "2 hours" });
  said.debounced = (await late(1)).id === (await late(2)).id;
  const item = (n) => weft.startBatched("counter", n, { key: "k", maxItems: 10, maxDelay: "1 hour" });
  said.batched = [(await item(1)).id === (await item(2)).id, (await item(3)).status];

  // the whole store as one file
  const never = (await weft.backupStatus()).exported_at !== null;
  const file = await weft.export();
  const { changes, exported_at: at } = await weft.backupStatus();
  said.backup = [never, changes, at > 0];
  said.full = await code(weft.import(file));
  const { generation } = await weft.import(file, { replace: true });
  await weft.start("counter", [1], { id: "late" });
  said.imported = [generation, await status("late")];
  return { said, used: [...used] };
}

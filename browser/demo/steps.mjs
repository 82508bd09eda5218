/** From a run's event log to what a timeline shows. Pure: no DOM, no clock. */

/**
 * @typedef {{n: number, at: number, error: string | null}} Attempt
 * @typedef {object} Row
 * @property {string} key
 * @property {"activity" | "sleep" | "signal" | "note" | "recovered" | "start" | "end" | "cancel" | "crash"} kind
 * @property {string} title for people
 * @property {string} [name] as in the code
 * @property {"running" | "waiting" | "retrying" | "done" | "failed" | "info"} state
 * @property {number} at
 * @property {number} [until] when it ended
 * @property {number} [deadline]
 * @property {Attempt[]} [attempts]
 * @property {string} [detail]
 */

const ENDS = { run_completed: ["Done", "done"], run_failed: ["Failed", "failed"], run_cancelled: ["Cancelled", "failed"] };

/**
 * @param {any[]} events in order @param {any} info the run's description, or null @param {number[]} [crashes] when the tab was crashed
 * @returns {Row[]}
 */
export function rows(events, info, crashes = []) {
  /** @type {Map<string, Row>} */
  const found = new Map();
  for (const event of events) HANDLERS[event.type]?.(found, event);
  const list = [...found.values()];
  for (const at of crashes) list.splice(list.findLastIndex((row) => row.at <= at) + 1, 0, crash(at));
  if (info && !info.finished_at) list.push(...waitingForSignals(info, list, events));
  return list;
}

const HANDLERS = {
  run_started: (found, e) => found.set("start", { key: "start", kind: "start", title: "Order placed", state: "done", at: e.at, until: e.at }),
  run_recovered: (found, e) => {
    for (const row of found.values()) if (row.state === "running") row.attempts?.at(-1) && (row.attempts.at(-1).error ??= "cut off");
    put(found, e, { kind: "recovered", title: "Came back to life", state: "info", detail: "New engine, same line, same variables. Nothing before it ran again." });
  },
  activity_scheduled: (found, e) => {
    const row = found.get(`step${e.step}`) ?? {
      key: `step${e.step}`, kind: "activity", title: human(e.name), name: e.name, state: "running", at: e.at, attempts: [],
    };
    row.state = "running";
    row.deadline = undefined;
    row.attempts.push({ n: e.attempt, at: e.at, error: null });
    found.set(row.key, row);
  },
  activity_completed: (found, e) => finish(found, e, "done", brief(e.result)),
  activity_failed: (found, e) => {
    const row = found.get(`step${e.step}`);
    if (!row) return;
    const attempt = row.attempts.find((a) => a.n === e.attempt) ?? row.attempts.at(-1);
    if (attempt) attempt.error = message(e.error);
    row.detail = message(e.error);
    row.state = e.retry_at ? "retrying" : "failed";
    row.deadline = e.retry_at ?? undefined;
    if (!e.retry_at) row.until = e.at;
  },
  sleep_started: (found, e) =>
    found.set(`step${e.step}`, { key: `step${e.step}`, kind: "sleep", title: "Pause", name: "sleep", state: "waiting", at: e.at, deadline: e.deadline }),
  timer_fired: (found, e) => finish(found, e, "done"),
  signal_received: (found, e) => put(found, e, { kind: "note", title: `Signal “${e.name}” accepted`, state: "info" }),
  signal_consumed: (found, e) =>
    found.set(`step${e.step}`, { key: `step${e.step}`, kind: "signal", title: `Answer to “${e.name}”`, name: e.name, state: "done", at: e.at, until: e.at }),
  signal_timed_out: (found, e) => put(found, e, { kind: "signal", title: "Nobody answered in time", state: "failed" }),
  cancel_requested: (found, e) => put(found, e, { kind: "cancel", title: "Cancellation asked for", state: "info" }),
  logged: (found, e) => put(found, e, { kind: "note", title: e.message, state: "info" }),
};
for (const [type, [title, state]] of Object.entries(ENDS)) {
  HANDLERS[type] = (found, e) => put(found, e, { kind: "end", title, state, detail: e.error ? message(e.error) : undefined });
}

/** @param {number} at @returns {Row} */
const crash = (at) => ({
  key: `crash${at}`, kind: "crash", title: "You crashed the tab", state: "info", at, until: at,
  detail: "The next one went on at the same line, with the same variables.",
});

function put(found, event, row) {
  found.set(`seq${event.seq}`, { key: `seq${event.seq}`, at: event.at, until: event.at, ...row });
}

function finish(found, event, state, detail) {
  const row = found.get(`step${event.step}`);
  if (!row) return;
  Object.assign(row, { state, until: event.at, detail });
}

/** Waiting leaves no event of its own; the run's description says so. */
function waitingForSignals(info, list, events) {
  const since = events.at(-1)?.at ?? info.updated_at;
  return (info.waiting_for ?? [])
    .filter((wait) => wait.kind === "signal")
    .map((wait) => ({
      key: `wait-${wait.name}`, kind: "signal", title: `Waiting for “${wait.name}”`, name: wait.name, state: "waiting", at: since, deadline: wait.deadline ?? undefined,
    }));
}

/** @param {string} name `charge_card` */
const human = (name) => name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");

const message = (error) => (typeof error === "string" ? error : (error?.message ?? error?.code ?? "failed"));

function brief(result) {
  if (result === null || result === undefined) return undefined;
  const text = typeof result === "object" && result.reference ? String(result.reference) : JSON.stringify(result);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

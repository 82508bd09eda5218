/** From a run's event log to what a timeline shows. Pure: no DOM, no clock. */

/** @typedef {import("./types.mjs").Run} Run */

/**
 * @typedef {{n: number, at: number, error: string | null}} Attempt
 * @typedef {object} Row
 * @property {string} key
 * @property {"activity" | "sleep" | "signal" | "review" | "child" | "note" | "recovered" | "start" | "end" | "cancel" | "crash"} kind
 * @property {string} title for people
 * @property {string} [name] as in the code
 * @property {"running" | "waiting" | "retrying" | "done" | "failed" | "info"} state
 * @property {number} at
 * @property {number} [until] when it ended
 * @property {number} [deadline]
 * @property {Attempt[]} [attempts]
 * @property {string} [detail]
 */

/** @type {Record<string, [string, Row["state"]]>} */
const ENDS = {
  run_completed: ["Done", "done"], run_failed: ["Failed", "failed"], run_cancelled: ["Cancelled", "failed"], run_timed_out: ["Ran out of time", "failed"],
  run_terminated: ["Stopped", "failed"], run_dead: ["Needs a look", "failed"], run_held: ["Held: its code has changed", "failed"],
};

/**
 * @param {any[]} events in order @param {Run | null} info the run's description @param {Row[]} [others] that happened meanwhile, by `at`
 * @returns {Row[]}
 */
export function rows(events, info, others = []) {
  /** @type {Map<string, Row>} */
  const found = new Map();
  for (const event of events) HANDLERS[event.type]?.(found, event);
  const list = [...found.values()];
  if (others.length) list.push(...others), list.sort((one, other) => one.at - other.at);
  if (info && !info.finished_at) list.push(...waitingForSignals(info, events));
  return list;
}

/** @typedef {(found: Map<string, Row>, event: any) => void} Handler */

/** @type {Record<string, Handler>} */
const HANDLERS = {
  run_started: (found, e) => found.set("start", { key: "start", kind: "start", title: "Started", state: "done", at: e.at, until: e.at }),
  run_recovered: (found, e) => {
    for (const row of found.values()) if (row.state === "running") cutOff(row);
    put(found, e, { kind: "recovered", title: "Came back to life", state: "info", detail: "New engine, same line, same variables. Nothing before it ran again." });
  },
  activity_scheduled: (found, e) => {
    const row = found.get(`step${e.step}`) ?? step(found, e, { kind: "activity", title: human(e.name), name: e.name, state: "running", attempts: [] });
    row.state = "running";
    row.deadline = undefined;
    row.attempts?.push({ n: e.attempt, at: e.at, error: null });
  },
  activity_completed: (found, e) => finish(found, e, "done", brief(e.result)),
  activity_failed: (found, e) => {
    const row = found.get(`step${e.step}`);
    if (!row) return;
    const attempt = row.attempts?.find((a) => a.n === e.attempt) ?? row.attempts?.at(-1);
    if (attempt) attempt.error = message(e.error);
    row.detail = message(e.error);
    row.state = e.retry_at ? "retrying" : "failed";
    row.deadline = e.retry_at ?? undefined;
    if (!e.retry_at) row.until = e.at;
  },
  sleep_started: (found, e) => step(found, e, { kind: "sleep", title: "Pause", name: "sleep", state: "waiting", deadline: e.deadline }),
  timer_fired: (found, e) => finish(found, e, "done"),
  signal_received: (found, e) => put(found, e, { kind: "note", title: `Signal “${e.name}” accepted`, state: "info" }),
  signal_consumed: (found, e) => step(found, e, { kind: "signal", title: `Answer to “${e.name}”`, name: e.name, state: "done", until: e.at }),
  signal_timed_out: (found, e) => put(found, e, { kind: "signal", title: "Nobody answered in time", state: "failed" }),
  review_requested: (found, e) => step(found, e, { kind: "review", title: `Review${e.review_type ? `: ${human(e.review_type)}` : ""}`, name: "review", state: "waiting", detail: e.reviewers.length ? `asked: ${e.reviewers.join(", ")}` : undefined }),
  review_decided: (found, e) => finish(found, e, e.decision === "approved" ? "done" : "failed", `${human(e.decision)}${e.reviewer ? ` by ${e.reviewer}` : ""}`),
  review_timed_out: (found, e) => finish(found, e, "failed", "Nobody decided in time"),
  review_cancelled: (found, e) => finish(found, e, "failed", "Nobody needs to decide any more"),
  child_started: (found, e) => step(found, e, { kind: "child", title: `Started ${e.child_id}`, name: e.child_id, state: "done", until: e.at }),
  run_suspended: (found, e) => put(found, e, { kind: "cancel", title: "Suspended", state: "info", detail: e.reason ?? undefined }),
  run_resumed: (found, e) => put(found, e, { kind: "recovered", title: "Resumed", state: "info" }),
  run_rewound: (found, e) => put(found, e, { kind: "recovered", title: `Put back to step ${e.to_step}`, state: "info", detail: e.reason ?? undefined }),
  run_kept_back: (found, e) => put(found, e, { kind: "start", title: "Waits for its server", state: "info", detail: e.url }),
  run_handed_off: (found, e) => put(found, e, { kind: "end", title: "Handed to another engine", state: "info", detail: e.url || undefined }),
  run_received: (found, e) => put(found, e, { kind: "start", title: "Came from another engine", state: "info", detail: e.origin || undefined }),
  run_taken_back: (found, e) => put(found, e, { kind: "recovered", title: "Taken back", state: "info", detail: e.reason || undefined }),
  cancel_requested: (found, e) => put(found, e, { kind: "cancel", title: "Cancellation asked for", state: "info", detail: e.reason ?? undefined }),
  logged: (found, e) => put(found, e, { kind: "note", title: e.message, state: "info" }),
};
for (const [type, [title, state]] of Object.entries(ENDS)) {
  HANDLERS[type] = (found, e) => put(found, e, { kind: "end", title, state, detail: e.error ? message(e.error) : undefined });
}

/** @param {Row} row an attempt that no engine knows the end of */
function cutOff(row) {
  const attempt = row.attempts?.at(-1);
  if (attempt) attempt.error ??= "cut off";
}

/** @param {Map<string, Row>} found @param {any} event @param {Omit<Row, "key" | "at">} row */
function step(found, event, row) {
  const made = { key: `step${event.step}`, at: event.at, ...row };
  found.set(made.key, made);
  return made;
}

/** @param {Map<string, Row>} found @param {any} event @param {Omit<Row, "key" | "at" | "until">} row */
function put(found, event, row) {
  found.set(`seq${event.seq}`, { key: `seq${event.seq}`, at: event.at, until: event.at, ...row });
}

/** @param {Map<string, Row>} found @param {any} event @param {Row["state"]} state @param {string} [detail] */
function finish(found, event, state, detail) {
  const row = found.get(`step${event.step}`);
  if (row) Object.assign(row, { state, until: event.at, detail: detail ?? (state === "done" ? undefined : row.detail) });
}

/** Waiting leaves no event of its own; the run's description says so. @param {Run} info @param {any[]} events @returns {Row[]} */
function waitingForSignals(info, events) {
  const since = events.at(-1)?.at ?? info.updated_at;
  return info.waiting_for
    .filter((wait) => wait.kind === "signal")
    .map((wait) => ({
      key: `wait-${wait.name}`, kind: "signal", title: `Waiting for “${wait.name}”`, name: wait.name ?? undefined, state: "waiting", at: since, deadline: wait.deadline ?? undefined,
    }));
}

/** @param {string} name `charge_card` */
export const human = (name) => name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");

/** @param {any} error */
const message = (error) => (typeof error === "string" ? error : (error?.message ?? error?.code ?? "failed"));

/** @param {any} result */
function brief(result) {
  if (result === null || result === undefined) return undefined;
  const text = typeof result === "object" && result.reference ? String(result.reference) : JSON.stringify(result);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** What happened to a run, as history(), events() and tail() tell it. Made by tools/event_types.py. */
interface Base<Type extends string> {
  type: Type;
  run_id: string;
  /** numbers the events of one run from 1 without a gap */
  seq: number;
  /** epoch milliseconds */
  at: number;
}
type Facts = Record<string, any>;

export interface RunStarted extends Base<"run_started"> {
  workflow: string;
  version: string;
}

export interface RunDelayed extends Base<"run_delayed"> {
  start_at: number;
}

/** As many runs go on as its workflow's Concurrency allows; `name` is the workflow, and the key. */
export interface RunQueued extends Base<"run_queued"> {
  name: string;
  limit: number;
}

/** A later call with its key gave the run, which had not begun, another input. */
export interface InputReplaced extends Base<"input_replaced"> {
  start_at: number;
}

/** One more item for the run, which had not begun; `items` there are now. */
export interface ItemAdded extends Base<"item_added"> {
  items: number;
}

export interface RunRestarted extends Base<"run_restarted"> {
  generation: number;
}

/** An owner has taken the run up again from its checkpoint. */
export interface RunRecovered extends Base<"run_recovered"> {}

export interface RunMigrated extends Base<"run_migrated"> {
  from_version: string;
  to_version: string;
  how: string;
}

/** The first event of a run that stands where another one stood. */
export interface RunForked extends Base<"run_forked"> {
  forked_from: string;
  at_step: number;
  workflow: string;
  version: string;
  signals: number;
  changes: Facts[] | null;
}

export interface RunRewound extends Base<"run_rewound"> {
  from_status: string;
  from_step: number;
  to_step: number;
  signals: number;
  reason: string | null;
  by: string | null;
}

export interface RunEdited extends Base<"run_edited"> {
  changes: Facts[];
  reason: string | null;
  by: string | null;
}

export interface OperationSkipped extends Base<"operation_skipped"> {
  step: number;
  kind: string;
  name: string;
  value: any;
  error: Facts | null;
  reason: string | null;
  by: string | null;
}

export interface RunSuspended extends Base<"run_suspended"> {
  reason: string | null;
}

/** It was suspended, and goes on. */
export interface RunResumed extends Base<"run_resumed"> {}

export interface RunHeld extends Base<"run_held"> {
  error: Facts;
}

export interface RunDead extends Base<"run_dead"> {
  error: Facts;
}

export interface CancelRequested extends Base<"cancel_requested"> {
  reason: string | null;
}

export interface RunCompleted extends Base<"run_completed"> {
  result: any;
}

export interface RunFailed extends Base<"run_failed"> {
  error: Facts;
}

export interface RunCancelled extends Base<"run_cancelled"> {
  reason: string | null;
}

export interface RunTimedOut extends Base<"run_timed_out"> {
  reason: string | null;
}

export interface RunTerminated extends Base<"run_terminated"> {
  reason: string | null;
}

/** It waits in a queue until its turn comes. */
export interface ActivityQueued extends Base<"activity_queued"> {
  step: number;
  name: string;
  queue: string;
}

export interface ActivityScheduled extends Base<"activity_scheduled"> {
  step: number;
  name: string;
  attempt: number;
}

export interface ActivityCompleted extends Base<"activity_completed"> {
  step: number;
  name: string;
  attempt: number;
  result: any;
  verified?: boolean;
}

/** It has returned; whoever holds its completion token completes it. */
export interface ActivityParked extends Base<"activity_parked"> {
  step: number;
  name: string;
  attempt: number;
}

export interface ActivityVerifying extends Base<"activity_verifying"> {
  step: number;
  name: string;
  attempt: number;
}

export interface ActivityVerifyFailed extends Base<"activity_verify_failed"> {
  step: number;
  name: string;
  error: Facts;
  retry_at: number;
}

export interface ActivityFailed extends Base<"activity_failed"> {
  step: number;
  name: string;
  attempt: number;
  error: Facts;
  retry_at: number | null;
}

export interface SleepStarted extends Base<"sleep_started"> {
  step: number;
  deadline: number;
}

export interface TimerFired extends Base<"timer_fired"> {
  step: number;
}

export interface SignalReceived extends Base<"signal_received"> {
  name: string;
  signal_id: string | null;
}

export interface SignalConsumed extends Base<"signal_consumed"> {
  step: number;
  name: string;
}

export interface SignalReturned extends Base<"signal_returned"> {
  name: string;
}

export interface SignalTimedOut extends Base<"signal_timed_out"> {
  step: number;
  name: string;
}

/** A handler of the run's got it. */
export interface SignalHandled extends Base<"signal_handled"> {
  name: string;
}

export interface SignalHandlerFailed extends Base<"signal_handler_failed"> {
  name: string;
  error: Facts;
}

export interface UpdateReceived extends Base<"update_received"> {
  name: string;
  update_id: string;
}

/** A branch that had taken it was beaten; it is in the mailbox again. */
export interface UpdateReturned extends Base<"update_returned"> {
  name: string;
  update_id: string;
}

export interface UpdateCompleted extends Base<"update_completed"> {
  name: string;
  update_id: string;
}

/** Its answer is an error: of its handler, of its validator, or by `reject`. */
export interface UpdateRejected extends Base<"update_rejected"> {
  name: string;
  update_id: string;
  error: Facts;
}

/** The run ends, and it was not answered. */
export interface UpdateUnanswered extends Base<"update_unanswered"> {
  name: string;
  update_id: string;
}

/** A wait got none in time. */
export interface UpdateTimedOut extends Base<"update_timed_out"> {
  step: number;
  name: string;
}

export interface ConditionMet extends Base<"condition_met"> {
  step: number;
}

export interface ConditionTimedOut extends Base<"condition_timed_out"> {
  step: number;
}

export interface ReviewRequested extends Base<"review_requested"> {
  step: number;
  review_id: string;
  review_type: string;
  reviewers: string[];
}

/** Others are asked too. */
export interface ReviewEscalated extends Base<"review_escalated"> {
  step: number;
  review_id: string;
  to: string[];
}

export interface ReviewPartlyDecided extends Base<"review_partly_decided"> {
  step: number;
  review_id: string;
  sections: string[];
}

export interface ReviewDecided extends Base<"review_decided"> {
  step: number;
  review_id: string;
  decision: string;
  reviewer: string | null;
}

export interface ReviewTimedOut extends Base<"review_timed_out"> {
  step: number;
  review_id: string;
}

/** Its run, or the branch that asked, was cancelled. */
export interface ReviewCancelled extends Base<"review_cancelled"> {
  step: number;
  review_id: string;
}

export interface GroupStarted extends Base<"group_started"> {
  step: number;
  kind: string;
  size: number;
}

export interface GroupCompleted extends Base<"group_completed"> {
  step: number;
  kind: string;
  decided_by: any;
}

export interface AttributeSet extends Base<"attribute_set"> {
  key: string;
  value: any;
}

export interface AttributeRemoved extends Base<"attribute_removed"> {
  key: string;
}

export interface TagsAdded extends Base<"tags_added"> {
  tags: string[];
}

export interface TagsRemoved extends Base<"tags_removed"> {
  tags: string[];
}

export interface Logged extends Base<"logged"> {
  message: string;
  data?: Facts | null;
}

/** The run asks for a value that it shares with others; `action` is what it awaits: "get", "update", ... */
export interface StateRequested extends Base<"state_requested"> {
  step: number;
  scope: string;
  key: string;
  action: string;
}

export interface StateAnswered extends Base<"state_answered"> {
  step: number;
  scope: string;
  key: string;
  version: number;
}

/** Others had changed a value since the run read it: it tries again, or gives up. */
export interface StateConflict extends Base<"state_conflict"> {
  step: number;
  scope: string;
  key: string;
  attempt: number;
}

/** A durable value has another version. `scope` is "execution" (in the log of the run whose value it is), or "workflow" or "store" (told to listeners only: `run_id` is empty). */
export interface StateChanged extends Base<"state_changed"> {
  scope: string;
  key: string;
  version: number;
  deleted?: boolean;
  workflow?: string;
}

export interface ChildRequested extends Base<"child_requested"> {
  step: number;
  workflow: string;
  child_id: string;
}

export interface ChildStarted extends Base<"child_started"> {
  step: number;
  child_id: string;
}

export interface ChildRefused extends Base<"child_refused"> {
  step: number;
  child_id: string;
  error: string | null;
}

export interface ChildCancelRequested extends Base<"child_cancel_requested"> {
  step: number;
  child_id: string;
}

export interface ChildEnded extends Base<"child_ended"> {
  step: number;
  child_id: string;
  status: string | null;
}

export interface RunAwaited extends Base<"run_awaited"> {
  step: number;
  awaited: string;
}

export interface RunAwaitedEnded extends Base<"run_awaited_ended"> {
  step: number;
  awaited: string;
}

export interface RunForgotten extends Base<"run_forgotten"> {
  step: number;
  awaited: string;
}

export interface RunAddressed extends Base<"run_addressed"> {
  step: number;
  addressed: string;
  how: string;
}

export interface RunAnswered extends Base<"run_answered"> {
  step: number;
  addressed: string;
  ok: boolean;
}

export interface LockRequested extends Base<"lock_requested"> {
  step: number;
  name: string;
}

export interface LockAcquired extends Base<"lock_acquired"> {
  step: number;
  name: string;
  token: number;
}

export interface LockForgotten extends Base<"lock_forgotten"> {
  step: number;
  name: string;
}

export interface LockReleased extends Base<"lock_released"> {
  step: number;
  name: string;
}

/** Events of a schedule are of no run: `run_id` is empty, `seq` counts in the schedule's own log. */
export interface ScheduleCreated extends Base<"schedule_created"> {
  schedule: string;
  workflow: string;
}

export interface ScheduleUpdated extends Base<"schedule_updated"> {
  schedule: string;
}

export interface SchedulePaused extends Base<"schedule_paused"> {
  schedule: string;
  reason: string | null;
}

export interface ScheduleResumed extends Base<"schedule_resumed"> {
  schedule: string;
}

export interface ScheduleDeleted extends Base<"schedule_deleted"> {
  schedule: string;
}

export interface ScheduleFired extends Base<"schedule_fired"> {
  schedule: string;
  time: number;
  run: string;
  late_ms: number;
}

export interface ScheduleTriggered extends Base<"schedule_triggered"> {
  schedule: string;
  run: string;
}

export interface ScheduleQueued extends Base<"schedule_queued"> {
  schedule: string;
  time: number;
  behind: string;
}

export interface ScheduleSkipped extends Base<"schedule_skipped"> {
  schedule: string;
  time: number;
  reason: string;
}

export interface ScheduleMissed extends Base<"schedule_missed"> {
  schedule: string;
  count: number;
  first: number;
  last: number;
}

export interface ScheduleFailed extends Base<"schedule_failed"> {
  schedule: string;
  time: number;
  error: Facts;
}

export interface ScheduleStopped extends Base<"schedule_stopped"> {
  schedule: string;
  error: Facts;
}

export interface ScheduleBackfilled extends Base<"schedule_backfilled"> {
  schedule: string;
  started: number;
  queued: number;
  existed: number;
}

export interface ChildrenAwaited extends Base<"children_awaited"> {
  step: number;
  children: number;
}

export interface ChildrenCancelRequested extends Base<"children_cancel_requested"> {
  children: number;
}

export interface ScopeOpened extends Base<"scope_opened"> {
  step: number;
  deadline: number;
}

export interface ScopeTimedOut extends Base<"scope_timed_out"> {
  deadline: number;
}

export interface ScopeClosed extends Base<"scope_closed"> {
  step: number;
  timed_out: boolean;
}

export interface CompensationStarted extends Base<"compensation_started"> {
  step: number;
  size: number;
}

export interface CompensationCompleted extends Base<"compensation_completed"> {
  step: number;
}

export interface CompensationFailed extends Base<"compensation_failed"> {
  step: number;
  error: Facts;
}

/** It is to begin on the server at `url`, and does nothing until that one has taken it. */
export interface RunKeptBack extends Base<"run_kept_back"> {
  url: string;
}

/** From here on another engine decides; `url` is empty if that one has fetched it. */
export interface RunHandedOff extends Base<"run_handed_off"> {
  url: string;
  handoff_id: string;
  moves: number;
}

export interface RunReceived extends Base<"run_received"> {
  handoff_id: string;
  moves: number;
  origin: string;
}

/** It was not wanted there, or was asked for again before it had come there. */
export interface RunTakenBack extends Base<"run_taken_back"> {
  url: string;
  handoff_id: string;
  moves: number;
  reason: string;
}

/** Stands in a run's history for its older events, which its retention keeps no longer: `first_seq` is the number of the first event there is. */
export interface EventsExpired extends Base<"events_expired"> {
  first_seq: number;
}

/** Stands in the engine-wide feed for `count` events whose record is damaged (G18); `seq` is the first. */
export interface EventsUnreadable extends Base<"events_unreadable"> {
  count: number;
  error: Facts;
}

export type WeftEvent =
  | RunStarted
  | RunDelayed
  | RunQueued
  | InputReplaced
  | ItemAdded
  | RunRestarted
  | RunRecovered
  | RunMigrated
  | RunForked
  | RunRewound
  | RunEdited
  | OperationSkipped
  | RunSuspended
  | RunResumed
  | RunHeld
  | RunDead
  | CancelRequested
  | RunCompleted
  | RunFailed
  | RunCancelled
  | RunTimedOut
  | RunTerminated
  | ActivityQueued
  | ActivityScheduled
  | ActivityCompleted
  | ActivityParked
  | ActivityVerifying
  | ActivityVerifyFailed
  | ActivityFailed
  | SleepStarted
  | TimerFired
  | SignalReceived
  | SignalConsumed
  | SignalReturned
  | SignalTimedOut
  | SignalHandled
  | SignalHandlerFailed
  | UpdateReceived
  | UpdateReturned
  | UpdateCompleted
  | UpdateRejected
  | UpdateUnanswered
  | UpdateTimedOut
  | ConditionMet
  | ConditionTimedOut
  | ReviewRequested
  | ReviewEscalated
  | ReviewPartlyDecided
  | ReviewDecided
  | ReviewTimedOut
  | ReviewCancelled
  | GroupStarted
  | GroupCompleted
  | AttributeSet
  | AttributeRemoved
  | TagsAdded
  | TagsRemoved
  | Logged
  | StateRequested
  | StateAnswered
  | StateConflict
  | StateChanged
  | ChildRequested
  | ChildStarted
  | ChildRefused
  | ChildCancelRequested
  | ChildEnded
  | RunAwaited
  | RunAwaitedEnded
  | RunForgotten
  | RunAddressed
  | RunAnswered
  | LockRequested
  | LockAcquired
  | LockForgotten
  | LockReleased
  | ScheduleCreated
  | ScheduleUpdated
  | SchedulePaused
  | ScheduleResumed
  | ScheduleDeleted
  | ScheduleFired
  | ScheduleTriggered
  | ScheduleQueued
  | ScheduleSkipped
  | ScheduleMissed
  | ScheduleFailed
  | ScheduleStopped
  | ScheduleBackfilled
  | ChildrenAwaited
  | ChildrenCancelRequested
  | ScopeOpened
  | ScopeTimedOut
  | ScopeClosed
  | CompensationStarted
  | CompensationCompleted
  | CompensationFailed
  | RunKeptBack
  | RunHandedOff
  | RunReceived
  | RunTakenBack
  | EventsExpired
  | EventsUnreadable;

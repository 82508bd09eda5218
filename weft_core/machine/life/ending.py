"""How a run ends: by its body, by a cancel, by its execution timeout, or at once."""

from __future__ import annotations

from typing import Any

from weft_core import codec
from weft_core.errors import PayloadTooLargeError, RunCancelled, WeftError
from weft_core.machine import failure, scopes
from weft_core.machine.farewell import farewell
from weft_core.machine.life import deadline, pausing
from weft_core.machine.life.beginning import ELSEWHERE
from weft_core.machine.turn import Turn
from weft_core.model import keys
from weft_core.model.messages import CancelRequested, TerminateRequested, TimerFired
from weft_core.model.operations import Acquire, Compensate, JoinChildren
from weft_core.model.run import FINISHED, UNBEGUN, Status, Task


def cancel(turn: Turn, message: CancelRequested) -> None:
    header = turn.run.header
    if header.cancel_requested:
        return
    header.cancel_requested, header.cancel_reason = True, message.reason
    turn.header_changed = True
    turn.event("cancel_requested", reason=message.reason)
    if turn.run.notes.pop(ELSEWHERE, False):
        header.status = "pending"  # none of its code has run, and none will
    pausing.resume(turn)  # else what cancellation runs would wait for ever
    turn.cancel_task(turn.run.tasks[0])


def timer(turn: Turn, message: TimerFired) -> None:
    """A timer of the run itself, or of one of its scopes."""
    if message.task == keys.WHOLE_RUN[0]:
        _time_out(turn)
        return
    scope = scopes.fired(turn.run.notes, message.task, turn.now)
    task = turn.run.tasks.get(scope[scopes.TASK]) if scope is not None else None
    if scope is not None and task is not None:
        turn.event("scope_timed_out", deadline=scope[scopes.DEADLINE])
        turn.cancel_task(task, within=scope)


def answer_lost(turn: Turn, task: Task) -> None:
    """A cancel takes the place of an answer that no frame has seen: what it gave is given back."""
    notes = turn.run.notes
    scope = scopes.unopened(notes, task.id, task.step)
    if scope is not None:
        turn.ops.append((scopes.timer(turn.run.id, scope), None))
    if "granted" in notes:
        turn.rules.hooks[Acquire].never_seen(turn, task)  # type: ignore[attr-defined]


def _time_out(turn: Turn) -> None:
    """Its execution timeout has come: it ends as by a cancel, so that its ``finally`` blocks and compensations run
    (G13, G14), and is called timed out."""
    header = turn.run.header
    if not header.deadline or turn.now < header.deadline or header.cancel_requested:
        return
    header.ends_as = "timed_out"
    cancel(turn, CancelRequested("its execution timeout has passed"))


def terminate(turn: Turn, message: TerminateRequested) -> None:
    header = turn.run.header
    for task in turn.run.tasks.values():
        if task.op is not None and task.wait != UNBEGUN:
            turn.rules.hooks[type(task.op)].drop(turn, task)
    turn.ready.clear()
    turn.taken.clear()
    header.cancel_requested, header.cancel_reason = True, message.reason
    _end(turn, "terminated")
    turn.event("run_terminated", reason=message.reason)


def body_ended(turn: Turn, task: Task, ok: bool, value: Any) -> None:
    """The run ends, unless children are awaited first, or there is work for its cancellation."""
    run = turn.run
    if "await" in run.notes:
        turn.rules.hooks[JoinChildren].hold(turn, task, ok, value)  # type: ignore[attr-defined]
    elif isinstance(value, RunCancelled) and run.on_cancel:
        undo, run.on_cancel = run.on_cancel[::-1], []
        turn.begin(task, Compensate(undo, then_cancelled=True))
    else:
        turn.forget(task)
        _finish(turn, ok, value)


def _finish(turn: Turn, ok: bool, value: Any) -> None:
    header = turn.run.header
    turn.drain_log()
    encoded = b""
    if ok:
        try:
            encoded = codec.dumps(value)
            limit = turn.rules.limits.max_payload_bytes
            if len(encoded) > limit:
                raise PayloadTooLargeError(what="the result", actual=len(encoded), limit=limit)
        except WeftError as refusal:
            ok, value = False, refusal
    if ok:
        header.result = encoded
        _end(turn, "completed")
        turn.event("run_completed", result=encoded)
    elif isinstance(value, RunCancelled):
        _end(turn, header.ends_as)
        turn.event(f"run_{header.ends_as}", reason=header.cancel_reason)
    else:
        header.error = failure.record(value)
        _end(turn, "failed")
        turn.event("run_failed", error=failure.brief(value))


def _end(turn: Turn, status: Status) -> None:
    """What a finished run owned goes away with it."""
    run, header = turn.run, turn.run.header
    assert status in FINISHED
    header.status, header.finished_at, turn.header_changed = status, turn.now, True
    deadline.forget(turn)
    turn.ops.extend((scopes.timer(run.id, scope), None) for scope in scopes.running(run.notes))
    if run.notes or header.parent:
        ops, posts = farewell(header, run.notes, turn.post_id())
        turn.ops.extend(ops)
        turn.effects.extend(posts)
    if run.past is not None:
        run.past.ends([*run.mailbox, *run.unanswered.values()])
    if run.mailbox or run.unanswered:
        turn.rules.attention.run_ends(turn)
    turn.ops.extend((keys.mail(run.id, s.seq), None) for s in run.mailbox)
    run.mailbox.clear()

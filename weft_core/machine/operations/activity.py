"""``ctx.run``, ``ctx.step``, ``ctx.memo``: an activity, attempted until it succeeds or is given up.

The note is ``[phase, attempt, due_ms]``. An attempt is counted and durable *before* the call: a crash inside the
activity must still use it up.
"""

from __future__ import annotations

from typing import Any

from weft_core.errors import ActivityInterruptedError, ActivityNotRegisteredError, CodecError
from weft_core.machine import failure
from weft_core.machine.effects import StartAttempt, StopAttempt
from weft_core.machine.operations.base import BaseHooks
from weft_core.machine.turn import Turn
from weft_core.model.messages import ActivityOutcome, TimerFired
from weft_core.model.operations import RunActivity
from weft_core.model.retry import DEFAULT_RETRY, RetryPolicy
from weft_core.model.run import Task

RUNNING, BACKOFF, PUT_OFF = 0, 1, 2


def put_off(task: Task) -> None:
    """Its engine closes before the attempt that was decided has begun: the next owner makes it, uncounted."""
    task.wait[0] = PUT_OFF


class ActivityHooks(BaseHooks):
    def begin(self, turn: Turn, task: Task, op: RunActivity) -> None:
        self._attempt(turn, task, op, 1)

    def _attempt(self, turn: Turn, task: Task, op: RunActivity, attempt: int) -> None:
        spec = turn.rules.activities.get(op.activity) if op.fn is None else None
        if spec is None and op.fn is None:
            raise ActivityNotRegisteredError(activity=op.activity)
        timeout_ms = op.timeout_ms if op.timeout_ms is not None else spec.timeout_ms if spec else None
        args = turn.copy(op.args, f"the argument list of {op.activity}")
        task.wait = [RUNNING, attempt, 0]
        turn.event("activity_scheduled", step=task.step, name=op.activity, attempt=attempt)
        turn.effects.append(StartAttempt(
            turn.run.id, turn.run.header.workflow, task.id, task.step, attempt, op.activity, op.fn, args, timeout_ms,
            op.idempotency_key, turn.run.header.generation,
        ))  # fmt: skip

    def deliver(self, turn: Turn, task: Task, message: ActivityOutcome | TimerFired) -> None:
        op = task.op
        assert isinstance(op, RunActivity)
        phase, attempt, due = task.wait
        if isinstance(message, TimerFired):
            if phase == BACKOFF and turn.now >= due:
                turn.drop_timer(task, due)
                self._attempt(turn, task, op, attempt + 1)
        elif phase != RUNNING:
            return
        elif message.error is None:
            turn.event("activity_completed", step=task.step, name=op.activity, attempt=attempt, result=message.encoded)
            turn.answer(task, message.value)
        else:
            self._failed(turn, task, op, attempt, message.error)

    def _failed(self, turn: Turn, task: Task, op: RunActivity, attempt: int, error: BaseException) -> None:
        policy = self._policy(turn, op)
        retry_at = None
        final = isinstance(error, CodecError) or policy.is_final(error)  # a value that has no bytes never will
        if attempt < policy.max_attempts and not final:
            retry_at = turn.now + policy.delay_ms(attempt, turn.rules.chance())
        turn.event("activity_failed", step=task.step, name=op.activity, attempt=attempt, error=failure.brief(error),
                   retry_at=retry_at)  # fmt: skip
        if retry_at is None:
            turn.fail(task, failure.durable_error(error, op.activity))
        else:
            task.wait = [BACKOFF, attempt, retry_at]
            turn.add_timer(task, retry_at)

    def _policy(self, turn: Turn, op: RunActivity) -> RetryPolicy:
        spec = turn.rules.activities.get(op.activity) if op.fn is None else None
        return op.retry or (spec.retry if spec else DEFAULT_RETRY)

    def cancel(self, turn: Turn, task: Task) -> bool:
        phase, _, due = task.wait
        if phase == RUNNING:
            turn.effects.append(StopAttempt(turn.run.id, task.step))
        elif phase == BACKOFF:
            turn.drop_timer(task, due)
        return True

    def recover(self, turn: Turn, task: Task) -> None:
        op = task.op
        assert isinstance(op, RunActivity)
        phase, attempt, due = task.wait
        if phase == BACKOFF:
            turn.add_timer(task, due)
            return
        if phase == PUT_OFF:
            self._attempt(turn, task, op, attempt)
            return
        error = ActivityInterruptedError(activity=op.activity, attempt=attempt)
        last = attempt >= self._policy(turn, op).max_attempts
        turn.event("activity_failed", step=task.step, name=op.activity, attempt=attempt, error=failure.brief(error),
                   retry_at=None if last else turn.now)  # fmt: skip
        if last:
            turn.fail(task, error)
        else:
            self._attempt(turn, task, op, attempt + 1)

    def in_flight(self, task: Task) -> bool:
        return bool(task.wait) and task.wait[0] != BACKOFF

    def describe(self, wait: Any) -> dict[str, Any]:
        phase, attempt, due = wait
        return {"attempt": attempt, "deadline": due if phase == BACKOFF else None}

"""Completion from outside: the activity returns without an outcome, and whoever holds its token gives it.

A token is known to the store by its hash, its *mark*, from the moment the activity reads it. An answer counts while the
step is undecided, also before the activity has returned, and for a token of an attempt that a crash cut off.
"""

from __future__ import annotations

from weft_core.errors import ActivityFailedError, ActivityHeartbeatTimeoutError, ActivityTimeoutError
from weft_core.machine.effects import StopAttempt
from weft_core.machine.operations.activity import options
from weft_core.machine.operations.activity.failing import Failing
from weft_core.machine.operations.activity.note import PARKED, RUNNING, VERIFYING, More, earliest, more_of, rare
from weft_core.machine.sealed import seal_plain
from weft_core.machine.turn import Turn
from weft_core.model import keys
from weft_core.model.attempt_messages import AttemptParked, OutsideAnswer, OutsideHeartbeat, TokenIssued
from weft_core.model.operations import RunActivity
from weft_core.model.run import Task


class Outside(Failing):
    def issued(self, turn: Turn, task: Task, message: TokenIssued) -> None:
        if task.wait[0] != RUNNING or task.wait[1] != message.attempt:
            return
        more_of(task).setdefault("tokens", []).append(message.mark)
        key = keys.token(turn.run.id, message.mark)
        turn.ops.append((key, seal_plain(key, [task.id, task.step, None])))

    def parked(self, turn: Turn, task: Task, message: AttemptParked) -> None:
        op = task.op
        assert isinstance(op, RunActivity)
        phase, attempt, *_ = task.wait
        if phase != RUNNING or attempt != message.attempt:
            return
        more = more_of(task)
        if message.details is not None:
            more["details"] = message.details
        if message.remaining_ms is not None:
            more["until"] = turn.now + message.remaining_ms
        turn.event("activity_parked", step=task.step, name=op.activity, attempt=attempt)
        self._wait_outside(turn, task, op, more)

    def _wait_outside(self, turn: Turn, task: Task, op: RunActivity, more: More) -> None:
        """Wait for the holder of the token, as long as the timeouts allow."""
        if task.wait[2]:
            turn.drop_timer(task, task.wait[2])
        beat = options.heartbeat_ms(op, options.known(turn, op))
        silent = turn.now + beat if beat is not None else None
        self.stand(turn, task, PARKED, task.wait[1], earliest(more.get("until"), more.get("by"), silent), more)

    def parked_too_long(self, turn: Turn, task: Task, op: RunActivity) -> None:
        spec, attempt, until = options.known(turn, op), task.wait[1], rare(task).get("until")
        error: ActivityTimeoutError
        if until is not None and turn.now >= until:
            timeout_ms = options.timeout_ms(op, spec)
            error = ActivityTimeoutError(activity=op.activity, timeout_ms=timeout_ms, attempt=attempt)
        else:
            timeout_ms = options.heartbeat_ms(op, spec)
            error = ActivityHeartbeatTimeoutError(activity=op.activity, timeout_ms=timeout_ms, attempt=attempt)
        self.failed(turn, task, op, error)

    def answered(self, turn: Turn, task: Task, message: OutsideAnswer) -> None:
        op = task.op
        assert isinstance(op, RunActivity)
        phase, attempt, *_ = task.wait
        tokens = rare(task).get("tokens", [])
        if message.mark not in tokens:
            return
        message.accepted = True
        tokens.remove(message.mark)  # its record stays, to know the same answer again
        key = keys.token(turn.run.id, message.mark)
        turn.ops.append((key, seal_plain(key, [task.id, task.step, message.digest])))
        if phase in (RUNNING, VERIFYING):
            turn.effects.append(StopAttempt(turn.run.id, task.step, let_run=phase == RUNNING))
        error = message.error
        if message.told is not None:
            type_, text = message.told
            error = ActivityFailedError(activity=op.activity, error_type=type_, error_message=text)
        if error is not None:
            self.failed(turn, task, op, error)
            return
        self.let_go(turn, task)
        turn.event("activity_completed", step=task.step, name=op.activity, attempt=attempt, result=message.encoded)
        turn.answer(task, message.value)

    def beaten(self, turn: Turn, task: Task, message: OutsideHeartbeat) -> None:
        op = task.op
        assert isinstance(op, RunActivity)
        more = rare(task)
        if message.mark not in more.get("tokens", ()):
            return
        message.accepted = True
        if message.details is not None:
            more["details"] = message.details
        if task.wait[0] == PARKED:
            self._wait_outside(turn, task, op, more)

"""The hooks of an activity, joined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft_core.errors import ActivityInterruptedError, OperationMisuseError, StorageCapabilityError
from weft_core.machine.operations.activity import options
from weft_core.machine.operations.activity.note import (
    BACKOFF,
    IN_FLIGHT,
    PARKED,
    PHASES,
    PUT_BACK,
    PUT_OFF,
    QUEUED,
    RUNNING,
    VERIFY_LATER,
    VERIFYING,
    More,
    may_hurry,
    more_of,
    note,
    rare,
)  # fmt: skip
from weft_core.machine.operations.activity.outside import Outside
from weft_core.machine.turn import Turn
from weft_core.model import keys
from weft_core.model.attempt_messages import (
    AttemptParked,
    HeartbeatGiven,
    OutsideAnswer,
    OutsideHeartbeat,
    SlotGiven,
    TokenIssued,
    Verified,
)  # fmt: skip
from weft_core.model.messages import ActivityOutcome, StepMessage, TimerFired
from weft_core.model.operations import RunActivity
from weft_core.model.run import Task

_NO_TRANSACTIONS = "transactional activities need a store of SQL, such as SQLiteStorage; others may be mocked in tests"


class ActivityHooks(Outside):
    def begin(self, turn: Turn, task: Task, op: RunActivity) -> None:
        spec = options.declared(turn, op)
        if op.idempotency_key is not None or spec.key_of is not None:
            options.choose_key(turn, op, spec.key_of)
        total = options.total_timeout_ms(op, spec)
        more = None if total is None else {"by": turn.rules.now_ms() + total}
        if spec.transactional:
            self._check_transaction(turn, op)
        if spec.queue is None and op.queued is None:
            self.attempt_as(spec, turn, task, op, 1, more)
        else:
            options.choose_queue(turn, op, spec)
            self.wait_in_queue(turn, task, op, 0, more or {})

    @staticmethod
    def _check_transaction(turn: Turn, op: RunActivity) -> None:
        if op.keep is not None:
            reason = "its outcome is in its own transaction; have it return what is small, and offload from another"
            raise OperationMisuseError(operation=f"ctx.offload of transactional {op.activity}", reason=reason)
        if not turn.rules.can_transact(op.activity):
            raise StorageCapabilityError(store="engine's", capability="transactions", remedy=_NO_TRANSACTIONS)

    def turn_comes(self, turn: Turn, task: Task, message: SlotGiven) -> None:
        """Its turn in the queue."""
        op = task.op
        assert isinstance(op, RunActivity)
        if task.wait[0] == QUEUED:
            self.attempt_as(
                options.declared(turn, op), turn, task, op, task.wait[1] + 1, rare(task), message.place
            )  # fmt: skip

    def deliver(self, turn: Turn, task: Task, message: StepMessage) -> None:
        if type(message) is ActivityOutcome:
            self._ended(turn, task, message)
        else:
            _WHEN[type(message)](self, turn, task, message)

    def _ended(self, turn: Turn, task: Task, message: ActivityOutcome) -> None:
        op = task.op
        assert isinstance(op, RunActivity)
        phase, attempt, *more = task.wait
        if phase != RUNNING:
            return
        if message.error is None:
            if len(more) > 1:
                self.let_go(turn, task)
            turn.event("activity_completed", step=task.step, name=op.activity, attempt=attempt, result=message.encoded)
            turn.answer(task, message.value)
            return
        if message.details is not None:
            more_of(task)["details"] = message.details
        self.failed(turn, task, op, message.error)

    def beat(self, turn: Turn, task: Task, message: HeartbeatGiven) -> None:
        if task.wait[0] == RUNNING and task.wait[1] == message.attempt:
            more_of(task)["details"] = message.details

    def due(self, turn: Turn, task: Task, message: TimerFired) -> None:
        op = task.op
        assert isinstance(op, RunActivity)
        phase, attempt, due, *_ = task.wait
        if message.deadline_ms != due or turn.now < due:  # of another phase; or the clock has jumped back
            return
        more = rare(task)
        by = more.get("by")
        if by is not None and turn.now >= by:
            self.time_is_up(turn, task, op)
        elif phase == BACKOFF:
            self._next_attempt(turn, task, op)
        elif phase == VERIFY_LATER:
            turn.drop_timer(task, due)
            self.ask(turn, task, op, more)
        elif phase == PARKED:
            self.parked_too_long(turn, task, op)

    def _next_attempt(self, turn: Turn, task: Task, op: RunActivity) -> None:
        _, attempt, due, *_ = task.wait
        turn.drop_timer(task, due)
        more = rare(task)
        more.pop("asked", None)
        self.attempt(turn, task, op, attempt + 1, more)

    def hurry(self, turn: Turn, task: Task) -> None:
        op = task.op
        assert isinstance(op, RunActivity)
        if may_hurry(task):
            self._next_attempt(turn, task, op)

    def recover(self, turn: Turn, task: Task) -> None:
        op = task.op
        assert isinstance(op, RunActivity)
        phase, attempt, due, *_ = task.wait
        if due:
            turn.add_timer(task, due, keys.RETRY if may_hurry(task) else b"")
        if phase not in IN_FLIGHT:
            return
        more = rare(task)
        by = more.get("by")
        if by is not None and turn.now >= by:
            self.time_is_up(turn, task, op)
        elif phase == PUT_OFF:
            self.attempt(turn, task, op, attempt, more)
        elif phase == QUEUED:
            self.join(turn, task, op, more)
        elif phase == VERIFYING:
            self.ask(turn, task, op, more)
        else:
            self._cut_off(turn, task, op, attempt, more)

    def _cut_off(self, turn: Turn, task: Task, op: RunActivity, attempt: int, more: More) -> None:
        """By a crash; nobody knows how far it came, but of a transaction, which has not been committed."""
        if options.known(turn, op).transactional:
            self.attempt(turn, task, op, attempt, more)
            return
        error = ActivityInterruptedError(activity=op.activity, attempt=attempt)
        if not self.verifies(turn, task, op, error):
            self.again(turn, task, op, error, more)

    def release(self, turn: Turn, task: Task) -> None:
        op = task.op
        assert isinstance(op, RunActivity)
        if task.wait[0] != PUT_BACK:
            return
        if op.queued is None:
            self.attempt(turn, task, op, 1, rare(task))
        else:
            self.wait_in_queue(turn, task, op, 0, rare(task))

    def anew(self, wait: Any) -> Any:
        by = wait[3].get("by") if len(wait) > 3 else None
        return note(PUT_BACK, 0, by or 0, {"by": by} if by else None)

    def in_flight(self, task: Task) -> bool:
        return bool(task.wait) and task.wait[0] in IN_FLIGHT

    def describe(self, wait: Any) -> dict[str, Any]:
        phase, attempt, due, *_ = wait
        return {"attempt": attempt, "deadline": due or None, "phase": PHASES[phase]}


_WHEN: dict[type[StepMessage], Callable[[ActivityHooks, Turn, Task, Any], None]] = {
    TimerFired: ActivityHooks.due,
    SlotGiven: ActivityHooks.turn_comes,
    HeartbeatGiven: ActivityHooks.beat,
    TokenIssued: ActivityHooks.issued,
    AttemptParked: ActivityHooks.parked,
    OutsideAnswer: ActivityHooks.answered,
    OutsideHeartbeat: ActivityHooks.beaten,
    Verified: ActivityHooks.verified,
}

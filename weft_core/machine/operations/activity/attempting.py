"""Beginning an attempt, and the records that belong to a step."""

from __future__ import annotations

from weft_core.errors import QueueNotDeclaredError, WeftError
from weft_core.machine import failure
from weft_core.machine.effects import JoinQueue, LeaveQueue, PlaceInQueue, StartAttempt, StartTransaction, StopAttempt
from weft_core.machine.operations.activity import options
from weft_core.machine.operations.activity.note import IN_FLIGHT, QUEUED, RUNNING, More, may_hurry, note
from weft_core.machine.operations.base import BaseHooks
from weft_core.machine.turn import ActivitySpec, Turn
from weft_core.model import keys
from weft_core.model.operations import RunActivity
from weft_core.model.run import Task


class Attempting(BaseHooks):
    """An attempt is counted and durable *before* the call: a crash inside the activity must still use it up."""

    def attempt(self, turn: Turn, task: Task, op: RunActivity, attempt: int, more: More) -> None:
        """Begin an attempt, or wait for its turn. ``ActivityNotRegisteredError``, ``QueueNotDeclaredError``."""
        if op.queued is not None:
            self.wait_in_queue(turn, task, op, attempt - 1, more)
        else:
            self.attempt_as(options.declared(turn, op), turn, task, op, attempt, more)

    def wait_in_queue(self, turn: Turn, task: Task, op: RunActivity, made: int, more: More) -> None:
        """Not counted as an attempt: ``made`` have been. Who has a ticket keeps it."""
        assert op.queued is not None
        if "ticket" not in more:
            more["ticket"] = turn.rules.ticket()
        turn.event("activity_queued", step=task.step, name=op.activity, queue=op.queued[0])
        self.stand(turn, task, QUEUED, made, more.get("by", 0), more)
        self.join(turn, task, op, more)

    @staticmethod
    def join(turn: Turn, task: Task, op: RunActivity, more: More) -> None:
        """``QueueNotDeclaredError``."""
        assert op.queued is not None
        name, priority, key = op.queued
        if name not in turn.rules.queues:
            raise QueueNotDeclaredError(queue=name, declared=sorted(turn.rules.queues))
        turn.effects.append(JoinQueue(turn.run.id, task.id, task.step, name, priority, key, more["ticket"]))

    def attempt_as(
        self, spec: ActivitySpec, turn: Turn, task: Task, op: RunActivity, attempt: int, more: More | None,
        place: PlaceInQueue | None = None,
    ) -> None:  # fmt: skip
        """Its only timer, if any, is that of the total timeout."""
        if turn.run.streams is not None:
            turn.run.streams.decided(task.step, False)  # what an attempt before it has written is void
        effect = (StartTransaction if spec.transactional else StartAttempt)(
            turn.run.id, turn.run.header.workflow, task.id, task.step, attempt, op.activity, op.fn,
            turn.copy(op.args, f"the argument list of {op.activity}"), options.timeout_ms(op, spec),
            op.idempotency_key, turn.run.header.generation, options.heartbeat_ms(op, spec), options.headers(turn, op),
            origin=turn.run.header.origin,
        )  # fmt: skip
        if more:
            effect.details, effect.place = more.get("details"), place
            self.stand(turn, task, RUNNING, attempt, more.get("by", 0), more)
        else:
            task.wait = [RUNNING, attempt, 0]
        if op.keep is not None:
            effect.keep = op.keep
        turn.event("activity_scheduled", step=task.step, name=op.activity, attempt=attempt)
        turn.effects.append(effect)

    def again(self, turn: Turn, task: Task, op: RunActivity, error: WeftError, more: More) -> None:
        """The attempt ended with ``error``: the next one at once, if there is one left."""
        attempt = task.wait[1]
        last = attempt >= options.policy(turn, op).max_attempts
        turn.event("activity_failed", step=task.step, name=op.activity, attempt=attempt, error=failure.brief(error),
                   retry_at=None if last else turn.now)  # fmt: skip
        if last:
            self.let_go(turn, task)
            turn.fail(task, error)
        else:
            self.attempt(turn, task, op, attempt + 1, more)

    @staticmethod
    def stand(turn: Turn, task: Task, phase: int, attempt: int, due: int, more: More) -> None:
        """Note where the step stands, with its timer."""
        task.wait = note(phase, attempt, due, more)
        if due:
            turn.add_timer(task, due, keys.RETRY if may_hurry(task) else b"")

    @staticmethod
    def let_go(turn: Turn, task: Task) -> None:
        """Remove the records that belong to the step: its timer, its tokens; it leaves its queue."""
        wait = task.wait
        if wait[0] == QUEUED:
            turn.effects.append(LeaveQueue(turn.run.id, task.step, task.op.queued[0]))  # type: ignore[union-attr]
        if wait[2]:
            turn.drop_timer(task, wait[2])
        if len(wait) > 3:
            for mark in wait[3].pop("tokens", ()):
                turn.ops.append((keys.token(turn.run.id, mark), None))

    def cancel(self, turn: Turn, task: Task) -> bool:
        if task.wait[0] in IN_FLIGHT and task.wait[0] != QUEUED:
            turn.effects.append(StopAttempt(turn.run.id, task.step))
        if turn.run.streams is not None:
            turn.run.streams.decided(task.step, False)
        self.let_go(turn, task)
        return True

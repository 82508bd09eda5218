"""What becomes of an activity whose attempt has failed."""

from __future__ import annotations

from weft_core.errors import ActivityTotalTimeoutError, CodecError, InvalidInputError, RetryLater
from weft_core.machine import failure
from weft_core.machine.operations.activity import options
from weft_core.machine.operations.activity.note import BACKOFF, More, rare
from weft_core.machine.operations.activity.verifying import Verifying, delay_ms
from weft_core.machine.turn import Turn
from weft_core.model.operations import RunActivity
from weft_core.model.run import Task


class Failing(Verifying):
    def failed(self, turn: Turn, task: Task, op: RunActivity, error: BaseException) -> None:
        """The attempt has failed with ``error``: ask what it did, try again, or give up."""
        if self.verifies(turn, task, op, error):
            return
        attempt, more = task.wait[1], rare(task)
        retry_at, error = _retry_at(turn, op, attempt, error)
        by = more.get("by")
        if retry_at is not None and by is not None and retry_at >= by:
            retry_at, error = None, _out_of_time(turn, op, attempt, error)
        turn.event("activity_failed", step=task.step, name=op.activity, attempt=attempt, error=failure.brief(error),
                   retry_at=retry_at)  # fmt: skip
        self.let_go(turn, task)
        if retry_at is None:
            turn.fail(task, failure.durable_error(error, op.activity))
        else:
            kept: More = {name: more[name] for name in ("by", "details") if name in more}
            if isinstance(error, RetryLater) and error.facts.get("after") is not None:
                kept["asked"] = True
            self.stand(turn, task, BACKOFF, attempt, retry_at, kept)

    def time_is_up(self, turn: Turn, task: Task, op: RunActivity) -> None:
        """The total timeout has passed."""
        error = _out_of_time(turn, op, task.wait[1], None)
        turn.event("activity_failed", step=task.step, name=op.activity, attempt=task.wait[1],
                   error=failure.brief(error), retry_at=None)  # fmt: skip
        self.cancel(turn, task)
        turn.fail(task, error)


def _retry_at(turn: Turn, op: RunActivity, attempt: int, error: BaseException) -> tuple[int | None, BaseException]:
    """When the next attempt begins, None for never; and the error, which is another one if it asks for nonsense."""
    policy = options.policy(turn, op)
    # A value that has no bytes never will.
    if attempt >= policy.max_attempts or isinstance(error, CodecError) or policy.is_final(error):
        return None, error
    try:
        return turn.now + delay_ms(turn, policy, attempt, error), error
    except InvalidInputError as nonsense:
        return None, nonsense


def _out_of_time(turn: Turn, op: RunActivity, attempt: int, last: BaseException | None) -> ActivityTotalTimeoutError:
    return ActivityTotalTimeoutError(
        activity=op.activity, timeout_ms=options.total_timeout_ms(op, options.known(turn, op)), attempt=attempt,
        last_error=failure.line(last) if last is not None else None,
    )  # fmt: skip

"""``verify``: before an activity is repeated after an attempt of unknown outcome, ask what that attempt did.

Unknown is the outcome of an attempt that a crash cut off, and of one that ran into a timeout.
"""

from __future__ import annotations

from weft_core import codec
from weft_core.errors import (
    ActivityIndeterminateError,
    ActivityInterruptedError,
    ActivityTimeoutError,
    InvalidInputError,
    RetryLater,
    WeftError,
)  # fmt: skip
from weft_core.machine import failure
from weft_core.machine.effects import StartAttempt
from weft_core.machine.operations.activity import options
from weft_core.machine.operations.activity.attempting import Attempting
from weft_core.machine.operations.activity.note import VERIFY_LATER, VERIFYING, More, earliest, more_of, rare
from weft_core.machine.turn import Turn
from weft_core.model.attempt_messages import Verified
from weft_core.model.durations import duration_ms
from weft_core.model.operations import RunActivity
from weft_core.model.retry import RetryPolicy
from weft_core.model.run import Task

VERIFY_RETRY = RetryPolicy(max_attempts=10, non_retryable=(InvalidInputError,))
"""How often ``verify`` itself is called until it answers."""

_NO_EFFECT = (
    "activity {!r} was cut off by a crash in attempt {}, and has taken no effect; it is attempted again as often as "
    "max_attempts says"
)


class Verifying(Attempting):
    def verifies(self, turn: Turn, task: Task, op: RunActivity, error: BaseException) -> bool:
        """True if ``error`` leaves the outcome of the attempt unknown and ``verify`` is asked now."""
        unknown = isinstance(error, (ActivityInterruptedError, ActivityTimeoutError))
        if not unknown or options.known(turn, op).verify is None:
            return False
        more = more_of(task)
        more["cause"] = codec.dumps(error)
        if task.wait[2]:
            turn.drop_timer(task, task.wait[2])
        self.ask(turn, task, op, more)
        return True

    def ask(self, turn: Turn, task: Task, op: RunActivity, more: More) -> None:
        """Call ``verify`` in place of an attempt."""
        spec, attempt = options.declared(turn, op), task.wait[1]
        if spec.verify is None:  # it has been taken out of the code since
            self._not_done(turn, task, op, more)
            return
        args = turn.copy(op.args, f"the argument list of {op.activity}")
        turn.effects.append(StartAttempt(
            turn.run.id, turn.run.header.workflow, task.id, task.step, attempt, op.activity, spec.verify, args,
            options.timeout_ms(op, spec), op.idempotency_key, turn.run.header.generation,
            headers=options.headers(turn, op), details=more.get("details"), verifies=True,
            keep=op.keep, origin=turn.run.header.origin,
        ))  # fmt: skip
        turn.event("activity_verifying", step=task.step, name=op.activity, attempt=attempt)
        self.stand(turn, task, VERIFYING, attempt, more.get("by", 0), more)

    def verified(self, turn: Turn, task: Task, message: Verified) -> None:
        op = task.op
        assert isinstance(op, RunActivity)
        phase, attempt, *_ = task.wait
        if phase != VERIFYING:
            return
        more = rare(task)
        if message.error is not None:
            self._ask_later(turn, task, op, more, message.error)
        elif message.verdict == "done":
            self.let_go(turn, task)
            turn.event("activity_completed", step=task.step, name=op.activity, attempt=attempt,
                       result=message.encoded, verified=True)  # fmt: skip
            turn.answer(task, message.value)
        elif message.verdict == "not_done":
            self._not_done(turn, task, op, more)
        else:
            self._indeterminate(turn, task, op, message.reason or "")

    def _not_done(self, turn: Turn, task: Task, op: RunActivity, more: More) -> None:
        cause: WeftError = codec.loads(more.pop("cause"))
        more.pop("tries", None)
        if isinstance(cause, ActivityInterruptedError):
            cause = ActivityInterruptedError(_NO_EFFECT.format(op.activity, task.wait[1]), **cause.facts)
        self.again(turn, task, op, cause, more)

    def _ask_later(self, turn: Turn, task: Task, op: RunActivity, more: More, error: BaseException) -> None:
        tries = more["tries"] = more.get("tries", 0) + 1
        if tries >= VERIFY_RETRY.max_attempts or VERIFY_RETRY.is_final(error):
            self._indeterminate(turn, task, op, f"verify raised {failure.line(error)}")
            return
        at = turn.now + delay_ms(turn, VERIFY_RETRY, tries, error)
        turn.event("activity_verify_failed", step=task.step, name=op.activity, error=failure.brief(error), retry_at=at)
        if task.wait[2]:
            turn.drop_timer(task, task.wait[2])
        self.stand(turn, task, VERIFY_LATER, task.wait[1], earliest(at, more.get("by")), more)

    def _indeterminate(self, turn: Turn, task: Task, op: RunActivity, reason: str) -> None:
        attempt = task.wait[1]
        error = ActivityIndeterminateError(activity=op.activity, attempt=attempt, reason=reason)
        turn.event("activity_failed", step=task.step, name=op.activity, attempt=attempt, error=failure.brief(error),
                   retry_at=None)  # fmt: skip
        self.let_go(turn, task)
        turn.fail(task, error)


def delay_ms(turn: Turn, policy: RetryPolicy, attempt: int, error: BaseException) -> int:
    """How long to wait after the failed attempt: as its error asks, or as the policy says. ``InvalidInputError``."""
    after = error.facts.get("after") if isinstance(error, RetryLater) else None
    if after is not None:
        return duration_ms(after, "RetryLater(after=...)")
    return policy.delay_ms(attempt, turn.rules.chance())

"""What forks, rewinds and skips do to a run: it is taken up from a checkpoint, or answered by hand."""

from __future__ import annotations

from weft_core import codec
from weft_core.machine import failure
from weft_core.machine.effects import Post, StopAttempt
from weft_core.machine.life.pausing import release
from weft_core.machine.life.recovering import take_up
from weft_core.machine.reviews import review_id
from weft_core.machine.turn import Turn
from weft_core.model import keys
from weft_core.model.messages import Forked, Rewound, Skip
from weft_core.model.operations import NeedsAttention


def forked(turn: Turn, message: Forked) -> None:
    run, header = turn.run, turn.run.header
    turn.event(
        "run_forked", forked_from=message.source, at_step=message.at, workflow=header.workflow, version=header.version,
        signals=len(run.mailbox), changes=message.changes
    )  # fmt: skip
    turn.header_changed = True
    take_up(turn)
    release(turn)


def rewound(turn: Turn, message: Rewound) -> None:
    run = turn.run
    signals = sum(signal.update_id is None for signal in run.mailbox)
    turn.event(
        "run_rewound", from_status=message.from_status, from_step=message.from_step, to_step=message.to_step,
        signals=signals, reason=message.reason, by=message.by,
    )  # fmt: skip
    turn.header_changed = True
    turn.effects.extend(StopAttempt(run.id, step) for step in message.stop)
    for step in message.reviews:
        turn.event("review_cancelled", step=step, review_id=review_id(run.id, step))
    for name, request in message.asks:
        turn.leave(Post(keys.ask("lock", name, turn.post_id()), [request, run.id, 0, run.header.address(0)]))
    take_up(turn)  # and no more: it is suspended


def skip(turn: Turn, message: Skip) -> None:
    task = turn.run.tasks[message.task]
    op = task.op
    assert op is not None
    error = failure.brief(message.error) if message.error is not None else None
    turn.event(
        "operation_skipped", step=task.step, kind=op.kind, name=op.label, value=message.value, error=error,
        reason=message.reason, by=message.by,
    )  # fmt: skip
    turn.header_changed = True
    if message.recover:
        take_up(turn, but=task)
    turn.let_go(task)
    others = any(type(other.op) is NeedsAttention for other in turn.run.tasks.values() if other is not task)
    if type(op) is NeedsAttention and turn.run.header.status == "needs_attention" and not others:
        turn.run.header.status, turn.run.header.error = "running", None
    if message.error is not None:
        turn.fail(task, message.error)
    else:
        turn.answer(task, codec.loads(message.value or b""))

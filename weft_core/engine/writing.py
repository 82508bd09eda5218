"""What a turn writes of its run: checkpoint, events, index rows, and the header when it has changed."""

from __future__ import annotations

from weft_core.errors import PayloadTooLargeError
from weft_core.machine import records
from weft_core.machine.operations import HOOKS
from weft_core.machine.turn import Turn
from weft_core.model import keys
from weft_core.model.run import RunState
from weft_core.ports import Op


def write_records(turn: Turn, first_seq: int, epoch: int, code: str | None) -> None:
    """Add the run's own records to ``turn.ops``. Raises what keeps the run from being stored.

    ``first_seq`` numbers the turn's first event; ``code`` names the stored source that the run was driven with.
    """
    run, ops = turn.run, turn.ops
    if run.streams is not None:
        ops.extend(store_streams(run, turn.now))
    if turn.events:
        ops.append(records.write_events(run.id, first_seq, turn.now, turn.events))
        if run.window is not None:
            ops.extend(run.window.trim(run.id, first_seq, turn.now, len(turn.events)))
    active = not run.finished and _in_flight(run)
    if turn.header_changed:
        _bring_up_to_date(turn, epoch, code)
    written = records.delete_checkpoint(run) if run.finished else _checkpoint(turn, active)
    ops.extend(written if run.past is None else run.past.follow(run, written, turn.header_changed))
    if run.finished:
        ops.extend(records.write_answers(run))
    if active != run.active:
        run.active = active
        ops.append((keys.active(run.id), b"" if active else None))
    if turn.header_changed:
        ops.extend(records.write_run(run.header))


def store_streams(run: RunState, now: int) -> list[Op]:
    """What was written to a run's streams since it was last stored; with its record if those are its first."""
    assert run.streams is not None
    ops: list[Op] = run.streams.take(run.id, now)
    return [*ops, *first_of_kind(run, "stream")] if ops else []


def first_of_kind(run: RunState, kind: str) -> list[Op]:
    """The run's record, if it does not say yet that it has records of this kind."""
    if kind in run.header.kept:
        return []
    run.header.kept = [*run.header.kept, kind]
    return records.write_run(run.header)


def _checkpoint(turn: Turn, active: bool) -> list[Op]:
    run, limit = turn.run, turn.rules.limits.max_checkpoint_bytes
    ops = records.write_checkpoint(run, turn.now, active)
    size = len(ops[0][1] or b"") + (run.chunks.size if run.chunks is not None else 0)
    if size > limit:
        raise PayloadTooLargeError(what="the checkpoint", actual=size, limit=limit)
    return ops


def _in_flight(run: RunState) -> bool:
    """Something runs for it that would be lost with this process."""
    for task in run.tasks.values():  # noqa: SIM110  done at every step, mostly for one task: any() costs twice as much
        if task.op is not None and HOOKS[type(task.op)].in_flight(task):
            return True
    return False


def _bring_up_to_date(turn: Turn, epoch: int, code: str | None) -> None:
    run, header = turn.run, turn.run.header
    header.updated_at, header.epoch, header.code = turn.now, epoch, code
    header.steps, header.next_seq, header.mail_seq = run.completed, run.next_seq, run.mail_seq
    if run.finished:
        header.exposed = run.exposed
        header.highest = run.steps if run.steps != run.completed else 0

"""Leaving messages for a store's owner without owning the store."""

from __future__ import annotations

from typing import Any, Literal

from weft_core import codec
from weft_core.engine import StoreReader, describe_schedule
from weft_core.engine.inbox import leave_cancel as _leave_cancel
from weft_core.engine.inbox import leave_for_schedule
from weft_core.engine.inbox import leave_order as _leave_order
from weft_core.engine.inbox import leave_purge as _leave_purge
from weft_core.engine.inbox import leave_review as _leave_review
from weft_core.engine.inbox import leave_signal as _leave_signal
from weft_core.engine.inbox import leave_start as _leave_start
from weft_core.engine.left_starts import same_run, start_message, starts_among
from weft_core.engine.patience import scan_all
from weft_core.engine.verbs.reviews import Sections, check_submission, submission
from weft_core.errors import (
    CodecError,
    CorruptRecordError,
    RunFinishedError,
    RunNotFinishedError,
    ScheduleExistsError,
    ScheduleNotFoundError,
    SignalNotDeclaredError,
)
from weft_core.model import keys
from weft_core.model.operations import Decision
from weft_core.model.run import STOPPED, RunHeader
from weft_core.ports import Ids, Storage
from weft_core.workflow import Workflow
from weft_core.workflow.schedule import make_spec


async def leave_signal(
    storage: Storage, ids: Ids, run_id: str, name: str, payload: Any = None, *, signal_id: str | None = None
) -> str:
    """Leave a signal; the owner delivers it, now or when it next runs. Durable when this returns.

    ``RunNotFoundError``, ``RunFinishedError``, ``SignalNotDeclaredError``.
    """
    header = await _unfinished(storage, run_id, "a signal")
    if header.signals and name not in header.signals:
        raise SignalNotDeclaredError(workflow=header.workflow, signal=name, declared=header.signals)
    return await _leave_signal(storage, ids, run_id, name, codec.dumps(payload), signal_id)


async def leave_start(
    storage: Storage, ids: Ids, workflow: Workflow | str, *inputs: Any, now: int, id: str | None = None, **options: Any
) -> str:
    """Leave a start; the owner starts the run, once, now or when it next runs. Returns the id of the run.

    ``now`` (epoch ms) is what ``delay=`` counts from; the other options are ``idempotency_key``, ``start_at``,
    ``execution_timeout``, ``tags`` and ``headers``. A workflow that the owner does not know waits until it does.
    ``RunExistsError``, ``IdempotencyKeyConflictError``, ``InvalidInputError``.
    """
    run_id, key = id or ids.new_id(), options.get("idempotency_key")
    message = start_message(workflow, inputs, now, run_id, **options)
    of_key = await storage.get(keys.idempotency(key)) if key is not None else None
    header, left = await storage.get(keys.run(run_id)), await scan_all(storage, keys.INBOX)
    found = same_run(message, id, of_key, header, starts_among(left))
    if found is None:
        await _leave_start(storage, ids, message)
    return found or run_id


async def leave_cancel(storage: Storage, ids: Ids, run_id: str, *, reason: str | None = None) -> str:
    """Leave a request to cancel a run. ``RunNotFoundError``, ``RunFinishedError``."""
    await _unfinished(storage, run_id, "cancelling it")
    return await _leave_cancel(storage, ids, run_id, reason)


_ORDERS = {
    "terminate": "terminating it", "suspend": "suspending it", "resume": "resuming it", "take_back": "taking it back",
    "force_back": "taking it back",
}  # fmt: skip


async def leave_order(
    storage: Storage,
    ids: Ids,
    run_id: str,
    verb: Literal["terminate", "suspend", "resume", "take_back", "force_back"],
    reason: str | None = None,
) -> str:
    """Leave a request to terminate, suspend, resume or take back a run. ``RunNotFoundError``, ``RunFinishedError``."""
    await _unfinished(storage, run_id, _ORDERS[verb])
    return await _leave_order(storage, ids, verb, run_id, reason)


async def leave_purge(storage: Storage, ids: Ids, run_id: str, *, force: bool = False) -> str:
    """Leave a request to purge a run. ``RunNotFoundError``, ``RunNotFinishedError``; a record that cannot be read:
    ``CorruptRecordError``, unless ``force`` is given."""
    try:
        header = await StoreReader(storage).header(run_id)
    except CodecError:
        if not force:
            raise
    else:
        if header.finished_at is None and not (force and header.status in STOPPED):
            raise RunNotFinishedError.of(header.id, header.status)
    return await _leave_purge(storage, ids, run_id, force)


async def leave_schedule(
    storage: Storage, ids: Ids, schedule_id: str, *, workflow: str, input: list[Any], **options: Any
) -> str:
    """Leave a request to create a schedule; plain values only. ``ScheduleExistsError``, ``InvalidInputError``.

    Whether the workflow is registered only the owner knows; what it refuses it writes into its log.
    """
    make_spec(workflow, input, {k: v for k, v in options.items() if k != "paused"})
    try:
        await describe_schedule(storage, schedule_id)
    except ScheduleNotFoundError:
        argument = {"workflow": workflow, "input": input, **options}
        return await leave_for_schedule(storage, ids, "create", schedule_id, argument)
    raise ScheduleExistsError(schedule=schedule_id)


async def leave_to_schedule(
    storage: Storage,
    ids: Ids,
    schedule_id: str,
    verb: Literal["pause", "resume", "trigger", "delete"],
    reason: str | None = None,
) -> str:
    """Leave a request about a schedule that exists, ``reason`` with a pause. ``ScheduleNotFoundError``."""
    try:
        await describe_schedule(storage, schedule_id)
    except CorruptRecordError:
        if verb != "delete":
            raise
    return await leave_for_schedule(storage, ids, verb, schedule_id, reason)


async def leave_review(
    storage: Storage,
    ids: Ids,
    review_id: str,
    *,
    decision: Decision | None = None,
    reviewer: str | None = None,
    feedback: str | None = None,
    sections: Sections | None = None,
    decision_id: str | None = None,
) -> str:
    """Leave a decision of a review; the owner accepts it, now or when it next runs. The first one that it sees counts.

    ``ReviewNotFoundError``, ``ReviewDecidedError``, ``InvalidInputError``.
    """
    submitted = submission(decision, reviewer, feedback, sections, decision_id)
    check_submission(review_id, (await StoreReader(storage).review_record(review_id))[0], submitted)
    return await _leave_review(storage, ids, review_id, submitted)


async def _unfinished(storage: Storage, run_id: str, action: str) -> RunHeader:
    header = await StoreReader(storage).header(run_id)
    if header.finished_at is not None:
        raise RunFinishedError(run_id=run_id, status=header.status, action=action)
    return header

"""Reading a store: lists, records, history and the frames of parked runs. Needs no engine and no ownership."""

from __future__ import annotations

import contextlib
from typing import Any

from weft_core import frames
from weft_core.engine.code import base_name
from weft_core.engine.feed import FeedPage, Place, read_feed
from weft_core.engine.patience import PatientReads, scan_all
from weft_core.engine.present import decoded, present_event
from weft_core.engine.reading_reviews import Wanted, page_of_reviews, read_record, shown
from weft_core.engine.search.filters import parse_listing, parse_words
from weft_core.engine.search.page import Aggregate, Page
from weft_core.engine.search.searching import Search
from weft_core.engine.search.upkeep import Differences, differences, indexes_ready
from weft_core.errors import (
    CheckpointNotFoundError,
    CodecError,
    IndexesNotReadyError,
    InvalidInputError,
    RunNotFoundError,
    WeftError,
)
from weft_core.machine import records
from weft_core.machine.past import PastRecord, read_past
from weft_core.machine.reviews import ReviewRecord
from weft_core.machine.sealed import unseal_plain
from weft_core.model import keys
from weft_core.model.run import RunHeader
from weft_core.ports import Storage

# `list` is a method here
EventList = list[dict[str, Any]]
Fields = list[Any]
Rows = list[Fields]
_SCAN = 256
_MAX_TEXT = 2_000


class StoreReader:
    """Everything that can be known of runs from what is stored. All results are JSON-safe."""

    def __init__(self, storage: Storage | PatientReads) -> None:
        self.storage = self._storage = storage
        self._search = Search(storage, self._present, _unreadable)
        self._indexed = False

    async def header(self, run_id: str) -> RunHeader:
        """The record of a run. ``RunNotFoundError``, ``CorruptRecordError``."""
        data = await self._storage.get(keys.run(run_id))
        if data is None:
            raise RunNotFoundError(run_id=run_id)
        return records.read_header(run_id, data)

    async def describe(self, run_id: str) -> dict[str, Any]:
        """All that is known of one run, with what it waits for."""
        return await self._present(await self.header(run_id))

    async def _present(self, header: RunHeader) -> dict[str, Any]:
        if header.finished_at is not None:
            return run_info(header, None)
        summary: Fields | None = None
        run_id = header.id
        data = await self._storage.get(keys.checkpoint(run_id))
        if data is None:
            header = await self.header(run_id)  # it has finished between the two reads
        if data is not None:
            with contextlib.suppress(CodecError):  # the engine finds the damage when it loads the run, and reports it
                summary = records.read_record(run_id, data).summary
        return run_info(header, summary)

    async def list(self, **words: Any) -> Page:
        """Runs that fit all of these words, newest first, one page of ``limit=`` (50, at most 1000).

        ``status=``, ``workflow=``, ``parent=``, ``schedule=`` and ``failure=`` (an error's code) take one or several
        values; ``tags=`` must all be there; ``id_prefix=``; ``attributes={"city": "Bern", "total": {"gte": 10},
        "country": ["CH", "AT"]}`` with the operators eq, ne, in, gt, gte, lt, lte and prefix; ``created=``,
        ``updated=``, ``finished=`` and ``deadline=`` are ranges, ``{"gte": ..., "lt": ...}``, of aware datetimes, ISO
        text or epoch seconds. ``order=``: "-created" (the default), "created", or finished or deadline of the runs that
        have one. ``cursor=`` is that of the page before, with the same words. ``InvalidFilterError``.

        A record that cannot be read is listed with status "dead" and its error, unless something is asked for.
        """
        listing = parse_listing(**words)
        if listing.filter.conditions or listing.order != keys.BY_TIME:
            await self.check_indexed()
        return await self._search.page(listing)

    async def count(self, **words: Any) -> int:
        """How many runs fit; the words of :meth:`list`, but for ``updated``. Reads index rows only."""
        wanted = parse_words(words)
        await self.check_indexed()
        return await self._search.count(wanted)

    async def aggregate(self, *, by: Any, limit: int = 1000, **words: Any) -> Aggregate:
        """How many runs fit, by "status", "workflow", "failure" or the value of a search attribute."""
        wanted = parse_words(words)
        await self.check_indexed()
        return await self._search.aggregate(wanted, by, limit)

    async def check_indexed(self) -> None:
        """``IndexesNotReadyError`` for a store that was written before there were indexes; looked up once."""
        if not self._indexed and not await indexes_ready(self._storage):
            raise IndexesNotReadyError()
        self._indexed = True

    async def verify_indexes(self) -> Differences:
        """What is wrong with the index rows: ``{"key", "run_id", "problem"}``, missing or stale. Empty if they are
        those of the records; ``Engine.rebuild_indexes`` makes them so."""
        return await differences(self._storage)

    async def review_record(self, review_id: str) -> tuple[ReviewRecord, bytes]:
        """The record of a review, and its artifact as it is encoded. ``ReviewNotFoundError``."""
        return await read_record(self._storage, review_id)

    async def review(self, review_id: str) -> dict[str, Any]:
        """All that is known of one review."""
        return shown(review_id, *await self.review_record(review_id))

    async def reviews(
        self,
        *,
        status: str | None = None,
        run_id: str | None = None,
        type: str | None = None,
        reviewer: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """Reviews, one page: pending ones oldest first, others in the order of their runs' ids."""
        if not 1 <= limit <= 1000:
            raise InvalidInputError(call="reviews", reason=f"limit is {limit}; it must be between 1 and 1000")
        wanted = Wanted(status, run_id, type, reviewer)
        return Page(*await page_of_reviews(self._storage, wanted, limit, cursor))

    async def history(self, run_id: str, *, after: int = 0, limit: int = 1000) -> EventList:
        """Events with a sequence number above ``after``, in order, at most ``limit`` of them.

        Where earlier ones are no longer kept, ``events_expired`` stands for them: its ``first_seq`` is that of the
        first event there is, its own ``seq`` the one before.
        """
        events: EventList = []
        prefix = keys.log_prefix(run_id)
        start: str | None = None
        if after > 0:
            # The record that holds event `after + 1` may begin before it.
            holder = await self._storage.scan(prefix, before=keys.log(run_id, after + 2), limit=1, reverse=True)
            if holder:
                events.extend(e for e in records.read_events(*holder[0]) if e["seq"] > after)
                start = holder[0][0]
        while len(events) < limit:
            rows = await self._storage.scan(prefix, after=start, limit=min(_SCAN, limit))
            for key, data in rows:
                events.extend(records.read_events(key, data))
                start = key
            if len(rows) < min(_SCAN, limit):
                break
        return [present_event(e) for e in _with_gaps(events, after)][:limit]

    async def feed(self, after: Place, limit: int) -> FeedPage:
        """Events of all runs beyond a place, in the order of their commits, as they are stored."""
        return await read_feed(self._storage, after, limit)

    async def frames(self, run_id: str, *, at: int | None = None) -> dict[str, Any]:
        """Where an unfinished run stands: each task's stack with source, waiting line and live locals.

        ``at``: where it stood at this step, if that is retained. ``CheckpointNotFoundError``.
        """
        header = await self.header(run_id)
        code, data, stored = header.code, *await self._checkpoint(run_id)
        if at is not None and (data is None or records.read_record(run_id, data).summary[records.COMPLETED] != at):
            past = await self._past(run_id, at)
            code, data = past.facts.get("code"), past.checkpoint
            stored = dict(await scan_all(self._storage, keys.chunk_prefix(run_id)))
        if data is None:
            return {"run_id": run_id, "step": header.steps, "tasks": []}
        record = records.read_record(run_id, data)
        chunks = record.chunks(run_id, stored)
        source = await self._source(code)
        tasks = [
            {"task": task, "frames": [_frame(view, source) for view in stack]}
            for task, stack in enumerate(frames.peek(record.frames, chunks))
        ]
        return {"run_id": run_id, "step": record.summary[records.COMPLETED], "tasks": tasks}

    async def checkpoints(self, run_id: str, *, limit: int = 100, cursor: int | None = None) -> EventList:
        """Where a run stands and has stood, as far as that is retained, newest first; ``cursor``: steps before it."""
        _check_limit("checkpoints", limit)
        header = await self.header(run_id)
        data = await self._storage.get(keys.checkpoint(run_id))
        items: EventList = []
        if data is not None and cursor is None:
            with contextlib.suppress(CodecError):
                items.append(_checkpoint_info(run_id, data, len(data), header.version, True))
        before = keys.past(run_id, cursor) if cursor is not None else None
        for key, row in await self._storage.scan(keys.past_prefix(run_id), before=before, limit=limit, reverse=True):
            try:
                past = read_past(key, row)
                version = past.facts.get("version", "")
                items.append(_checkpoint_info(run_id, past.checkpoint, past.size, version, False))
            except CodecError as damage:
                items.append({"step": keys.parse_past(key), "error": {"code": damage.code, "message": str(damage)}})
        return items[:limit]

    async def _past(self, run_id: str, step: int) -> PastRecord:
        key = keys.past(run_id, step)
        row = await self._storage.get(key)
        if row is None:
            there = [keys.parse_past(k) for k, _ in await scan_all(self._storage, keys.past_prefix(run_id))]
            raise CheckpointNotFoundError(run_id=run_id, step=step, retained=there)
        return read_past(key, row)

    async def _checkpoint(self, run_id: str) -> tuple[bytes | None, dict[str, bytes]]:
        """A checkpoint record with its chunks, though the owner may write another meanwhile."""
        key = keys.checkpoint(run_id)
        data = await self._storage.get(key)
        while data is not None and records.read_record(run_id, data).directory:
            stored = dict(await scan_all(self._storage, keys.chunk_prefix(run_id)))
            before, data = data, await self._storage.get(key)
            if data == before:
                return data, stored
        return data, {}

    async def _source(self, code: str | None) -> Rows:
        data = await self._storage.get(keys.code(code)) if code else None
        return unseal_plain(keys.code(code), data) if code and data is not None else []


def _with_gaps(events: EventList, after: int) -> EventList:
    """The events, and in the place of those that are no longer there, a note."""
    found: EventList = []
    for event in events:
        if event["seq"] > after + 1:
            expired = {"run_id": event["run_id"], "seq": event["seq"] - 1, "at": event["at"], "type": "events_expired"}
            found.append({**expired, "first_seq": event["seq"]})
        found.append(event)
        after = event["seq"]
    return found


def _check_limit(call: str, limit: int) -> None:
    if not 1 <= limit <= 1000:
        raise InvalidInputError(call=call, reason=f"limit is {limit}; it must be between 1 and 1000")


def _checkpoint_info(run_id: str, data: bytes, size: int, version: str, current: bool) -> dict[str, Any]:
    summary = records.read_record(run_id, data).summary
    return {
        "step": summary[records.COMPLETED], "at": summary[records.UPDATED_AT], "waiting_for": records.waits(summary),
        "size": size, "version": version, "current": current,
    }  # fmt: skip


def run_info(header: RunHeader, summary: Fields | None) -> dict[str, Any]:
    """The public form of a run."""
    held = {"held": _held(header)} if header.status == "held" else {}
    return {
        **held,
        "id": header.id,
        "workflow": header.workflow,
        "version": header.version,
        "status": header.status,
        "steps": summary[records.COMPLETED] if summary else header.steps,
        "created_at": header.created_at,
        "updated_at": max(header.updated_at, summary[records.UPDATED_AT] if summary else 0),
        "finished_at": header.finished_at,
        "input": decoded(header.input),
        "result": decoded(header.result),
        "error": {k: header.error.get(k) for k in ("code", "message", "traceback")} if header.error else None,
        "attributes": {name: decoded(value) for name, value in header.attributes.items()},
        "tags": header.tags,
        "idempotency_key": header.idempotency_key,
        "cancel_requested": header.cancel_requested,
        "waiting_for": records.waits(summary) if summary and header.finished_at is None else [],
        "signals": header.signals,
        **({"owner": header.away} if header.away else {}),
    }


def _held(header: RunHeader) -> dict[str, Any]:
    """Why it is held, as far as that is known: the place in the old code, what is missing, what there is."""
    error = header.error or {}
    facts = error.get("facts") or {}
    known = {k: facts[k] for k in _HELD_FACTS if facts.get(k) is not None}
    return {"code": error.get("code"), "message": error.get("message"), "new_code": facts.get("code"), **known}


_HELD_FACTS = (
    "activity", "function", "filename", "line", "old", "new", "missing", "old_code", "registered", "workflow",
    "version", "to_version", "reason", "what", "where", "seconds",
)  # fmt: skip
_UNREADABLE: dict[str, Any] = {
    "workflow": "?", "version": "?", "status": "dead", "steps": 0, "created_at": 0, "updated_at": 0,
    "finished_at": None, "input": None, "result": None, "attributes": {}, "tags": [], "idempotency_key": None,
    "cancel_requested": False, "waiting_for": [], "signals": [],
}  # fmt: skip


def _unreadable(run_id: str, damage: WeftError) -> dict[str, Any]:
    return {**_UNREADABLE, "id": run_id, "error": {"code": damage.code, "message": str(damage)}}


def _frame(view: frames.FrameView, source: Rows) -> dict[str, Any]:
    return {
        "function": view.function,
        "file": view.filename,
        "line": view.lineno,
        "label": view.label,
        "code": view.code,
        "source": _lines(view, source),
        "locals": [{"name": k, "type": _type(v), "text": _text(v)} for k, v in view.locals.items()],
    }


def _lines(view: frames.FrameView, source: Rows) -> dict[str, Any] | None:
    """The stored source of the durable function that the frame belongs to."""
    for qualname, filename, first, text in source:
        same = view.function == qualname or view.function.startswith(f"{qualname}.<locals>.")
        # Of two versions in one file, the one that has the waiting line.
        within = view.lineno is None or first <= view.lineno < first + text.count("\n") + 1
        if same and within and filename == base_name(view.filename):
            return {"first_line": first, "lines": text.splitlines()}
    return None


def _type(value: Any) -> str:
    return getattr(value, "type_name", None) or type(value).__name__


def _text(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}… ({len(text):,} characters)"

"""Carries bulk operations out.

One batch stores what is to be done: ``audit/<time>/<id>`` and the ids in pages ``bulk/<id>/<page>``. Then page by page:
the verb for each run, and one batch that removes the page and brings the audit record up to date. After a crash the
pages that are left are continued at the next opening; the page that was under way is done again, which is harmless.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from weft_core.engine.batch import Envelope
from weft_core.engine.bulk.plan import BulkResult
from weft_core.engine.bulk.verbs import VERBS, Actions, Args
from weft_core.engine.patience import PatientReads
from weft_core.engine.search.page import Page
from weft_core.errors import (
    CodecError,
    CorruptRecordError,
    EngineError,
    InvalidInputError,
    StorageError,
    StorageKeyError,
    WeftError,
)
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys
from weft_core.ports import Clock, Op, Storage

log = logging.getLogger("weft")
_VERSION = 1
_PAGE = 256
"""Runs of one page."""
_ABREAST = 64
"""Runs dealt with at the same time; they share commits."""


@dataclass(slots=True)
class Audit:
    """The record of one operation: who asked for what, and what came of it."""

    verb: str
    scope: str
    """The filters, as JSON."""
    by: str | None
    args: Args
    matched: int
    pages: int
    done: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    finished_at: int | None = None

    def seal(self, key: str) -> bytes:
        return seal_plain(key, [_VERSION, *(getattr(self, name) for name in self.__slots__)])

    @classmethod
    def unseal(cls, key: str, data: bytes) -> Audit:
        values = unseal_plain(key, data)
        if values[0] != _VERSION or len(values) <= len(cls.__slots__):
            raise CorruptRecordError(key=key, reason=f"an audit record of unknown version {values[:1]}")
        return cls(*values[1 : len(cls.__slots__) + 1])

    def to_json(self, key: str) -> dict[str, Any]:
        _, at, operation = key.split("/")
        return {
            "id": operation, "at": int(at, 16), "verb": self.verb, "by": self.by, "filters": json.loads(self.scope),
            "matched": self.matched, "done": self.done, "refused": self.refused,
            "state": "done" if self.finished_at is not None else "running", "finished_at": self.finished_at,
        }  # fmt: skip


class BulkRunner:
    """One per engine; :meth:`work` is its keeper's only chore."""

    def __init__(
        self, actions: Actions, reads: PatientReads, ask: Callable[[Envelope], Awaitable[object]], clock: Clock
    ) -> None:
        self._actions, self._reads, self._ask, self._clock = actions, reads, ask, clock
        self._waiting: dict[str, asyncio.Future[BulkResult]] = {}

    async def store(self, audit_key: str, audit: Audit, ids: list[str]) -> asyncio.Future[BulkResult]:
        """Make an operation durable; from now on it will be carried out. Resolved when it has been."""
        operation = audit_key.rpartition("/")[2]
        pages = [ids[at : at + _PAGE] for at in range(0, len(ids), _PAGE)]
        audit.pages = len(pages)
        if not pages:
            audit.finished_at = self._clock.now_ms()
        ops: list[Op] = [(audit_key, audit.seal(audit_key))]
        for number, page in enumerate(pages):
            key = keys.bulk(operation, number)
            ops.append((key, seal_plain(key, [_VERSION, audit_key, number, page])))
        future: asyncio.Future[BulkResult] = asyncio.get_running_loop().create_future()
        self._waiting[operation] = future
        try:
            await self._write(ops)
        except BaseException:
            self._waiting.pop(operation, None)
            raise
        if not pages:
            self._tell(operation, audit)
        return future

    async def work(self, now: int) -> int | None:
        """Carry out what there is to be done."""
        after: str | None = None
        while rows := await self._reads.scan(keys.BULK, after=after, limit=1):
            after, data = rows[0]
            try:
                await self._page(after, data)
            except CodecError as damage:
                log.warning("a bulk operation cannot be continued: %s", damage)
        return None

    async def _page(self, key: str, data: bytes) -> None:
        _, audit_key, number, ids = unseal_plain(key, data)
        stored = await self._reads.get(audit_key)
        if stored is None:
            raise CorruptRecordError(key=audit_key, reason="it is gone while its operation is under way")
        audit = Audit.unseal(audit_key, stored)
        operation = audit_key.rpartition("/")[2]
        for at in range(0, len(ids), _ABREAST):
            part = ids[at : at + _ABREAST]
            for refusal in await asyncio.gather(*(self._one(audit, run_id, operation) for run_id in part)):
                if refusal is None:
                    audit.done += 1
                else:
                    audit.refused[refusal] = audit.refused.get(refusal, 0) + 1
        if number + 1 == audit.pages:
            audit.finished_at = self._clock.now_ms()
        await self._write([(key, None), (audit_key, audit.seal(audit_key))])
        if audit.finished_at is not None:
            self._tell(operation, audit)

    async def _one(self, audit: Audit, run_id: str, operation: str) -> str | None:
        """The verb for one run; the code of the error if it was refused."""
        try:
            await VERBS[audit.verb](self._actions, run_id, audit.args, operation)
        except WeftError as refusal:
            if isinstance(refusal, (EngineError, StorageError)) and not isinstance(refusal, StorageKeyError):
                raise  # no fault of the run: the page stays
            return refusal.code
        return None

    def _tell(self, operation: str, audit: Audit) -> None:
        future = self._waiting.pop(operation, None)
        if future is not None and not future.done():
            future.set_result(BulkResult(operation, audit.verb, audit.matched, audit.done, audit.refused))

    def close(self, error: BaseException) -> None:
        """Whoever waits for an operation is told why it is not carried out now."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(error)
                future.exception()
        self._waiting.clear()

    async def _write(self, ops: list[Op]) -> None:
        await self._ask(Envelope("", extra=ops))


async def read_audit(storage: Storage | PatientReads, limit: int, cursor: str | None) -> Page:
    """What bulk operations did, newest first. Needs no ownership."""
    if not 1 <= limit <= 1000:
        raise InvalidInputError(call="audit", reason=f"limit is {limit}; it must be between 1 and 1000")
    rows = await storage.scan(keys.AUDIT, before=cursor, limit=limit, reverse=True)
    items = []
    for key, data in rows:
        try:
            items.append(Audit.unseal(key, data).to_json(key))
        except CodecError as damage:
            items.append({"id": key.rpartition("/")[2], "state": "unreadable", "error": str(damage)})
    return Page(items, rows[-1][0] if len(rows) == limit else None)

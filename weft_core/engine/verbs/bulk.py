"""One verb for all runs that match filters, in two phases: a plan, and its confirmation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any

from weft_core import codec
from weft_core.engine.bulk import BulkPlan, BulkResult, read_audit
from weft_core.engine.bulk.plan import SAMPLES, TOKEN_MS, Scope, check_token, make_token
from weft_core.engine.bulk.runner import Audit
from weft_core.engine.bulk.verbs import Actions
from weft_core.engine.present import jsonable
from weft_core.engine.search.page import Page
from weft_core.engine.verbs.runs import RunVerbs
from weft_core.engine.verbs.search import SearchVerbs
from weft_core.errors import (
    BulkConfirmationError,
    BulkDeleteUnfinishedError,
    BulkScopeError,
    InvalidInputError,
    LimitExceededError,
    PayloadTooLargeError,
)  # fmt: skip
from weft_core.machine import marks
from weft_core.model import keys
from weft_core.model.names import check_id, check_text, check_told
from weft_core.workflow import SearchAttribute, Signal, Workflow

Planned = BulkPlan | BulkResult


class BulkVerbs(RunVerbs, SearchVerbs):
    """bulk_cancel, bulk_terminate, bulk_resume, bulk_signal, bulk_tag, bulk_untag, bulk_delete, audit.

    Each takes the filters of ``list``. First with ``dry_run=True``: a :class:`BulkPlan` says how many runs match.
    Then the same call with ``confirm=plan.confirmation_token`` instead: if verb, arguments, filters and the runs that
    match are still the same, the operation is stored and carried out; a :class:`BulkResult` says what it did. A crash
    in the middle is made good at the next opening. ``by`` names who asked, for the audit record.

    ``BulkScopeError`` (no filter that names runs, and not ``all=True``), ``BulkConfirmationError``,
    ``LimitExceededError`` (more than ``Limits.max_bulk`` runs match).
    """

    async def bulk_cancel(self, *, reason: str | None = None, **options: Any) -> Planned:
        """Ask every run that matches to stop."""
        check_told("bulk_cancel", self.limits, reason=reason)
        return await self._bulk("cancel", [reason], **options)

    async def bulk_terminate(self, *, reason: str | None = None, **options: Any) -> Planned:
        """End every run that matches without running its code any more."""
        check_told("bulk_terminate", self.limits, reason=reason)
        return await self._bulk("terminate", [reason], **options)

    async def bulk_resume(self, **options: Any) -> Planned:
        """Take up every suspended, held or dead run that matches; those whose obstacle is still there are refused."""
        return await self._bulk("resume", [], **options)

    async def bulk_signal(
        self, signal: Signal[Any] | str, payload: Any = None, *, signal_id: str | None = None, **options: Any
    ) -> Planned:
        """Send every run that matches a signal, once: under ``signal_id``, or one made from the operation's id."""
        name = signal.name if isinstance(signal, Signal) else signal
        check_text(name, "the name of a signal", self.limits)
        if signal_id is not None:
            check_id(signal_id, "a signal_id", self.limits)
        data, limit = codec.dumps(payload), self.limits.max_payload_bytes
        if len(data) > limit:
            raise PayloadTooLargeError(what=f"the payload of signal {name}", actual=len(data), limit=limit)
        return await self._bulk("signal", [name, data, signal_id], **options)

    async def bulk_tag(self, *, add: Iterable[str], **options: Any) -> Planned:
        """Add tags to every run that matches; ``tags=`` is a filter, as in ``list``."""
        return await self._bulk("tag", [list(marks.check_tags(add, self.limits))], **options)

    async def bulk_untag(self, *, remove: Iterable[str], **options: Any) -> Planned:
        """Remove tags from every run that matches; ``tags=`` is a filter, as in ``list``."""
        return await self._bulk("untag", [list(marks.check_tags(remove, self.limits))], **options)

    async def bulk_delete(self, **options: Any) -> Planned:
        """Purge every run that matches. If one has not finished, none is: ``BulkDeleteUnfinishedError``."""
        return await self._bulk("delete", [], **options)

    async def audit(self, *, limit: int = 50, cursor: str | None = None) -> Page:
        """What bulk operations did, newest first: id, at, verb, by, filters, matched, done, refused, state."""
        return await read_audit(self.reader.storage, limit, cursor)

    def _actions(self) -> Actions:
        return self

    async def _bulk(
        self,
        verb: str,
        args: list[Any],
        *,
        dry_run: bool = False,
        confirm: str | None = None,
        all: bool = False,
        by: str | None = None,
        **filters: Any,
    ) -> Planned:
        self._check_open()
        check_told(f"bulk_{verb}", self.limits, by=by)
        filters = {name: value for name, value in filters.items() if value not in _NOTHING}
        _check_scope(verb, filters, all)
        if dry_run == (confirm is not None):
            raise BulkConfirmationError(
                verb=verb, reason="call it with dry_run=True, then with confirm=the plan's token"
            )
        ids = await self._matching(verb, filters)
        shown = _plain(filters)
        scope, now = Scope(self._parts.committer.store_id, verb, args, shown), self._clock.now_ms()
        if confirm is None:
            expires = now + TOKEN_MS
            token = make_token(scope, ids, len(ids), expires)
            return BulkPlan(verb, len(ids), ids[:SAMPLES], jsonable(shown), token, expires)
        check_token(confirm, scope, ids, now)
        audit = Audit(verb, json.dumps(jsonable(shown)), by, args, len(ids), 0)
        done = await self._parts.bulk_runner.store(keys.audit(now, self._new_id()), audit, ids)
        self._parts.bulk_keeper.wake()
        return await asyncio.shield(done)

    async def _matching(self, verb: str, filters: dict[str, Any]) -> list[str]:
        ids: list[str] = []
        unfinished: list[str] = []
        cursor: str | None = None
        while True:
            page = await self.list(**filters, limit=1000, cursor=cursor)
            ids += [item["id"] for item in page.items]
            unfinished += [item["id"] for item in page.items if item["finished_at"] is None]
            if len(ids) > self.limits.max_bulk:
                raise LimitExceededError(
                    what=f"the number of runs of bulk_{verb}", actual=f"{len(ids)} or more", limit=self.limits.max_bulk
                )
            cursor = page.cursor
            if cursor is None:
                break
        if verb == "delete" and unfinished:
            raise BulkDeleteUnfinishedError(
                matched=len(ids), unfinished=len(unfinished), sample_ids=unfinished[:SAMPLES]
            )  # fmt: skip
        return ids


def _check_scope(verb: str, filters: dict[str, Any], all_runs: bool) -> None:
    if filters.keys() & {"limit", "cursor", "order"}:
        raise InvalidInputError(call=f"bulk_{verb}", reason="it is for all runs that match: no limit, cursor or order")
    naming = filters.keys() - _WIDE
    if len(str(filters.get("id_prefix", ""))) < 3:
        naming -= {"id_prefix"}
    if not all_runs and not naming:
        raise BulkScopeError(verb=verb)


_NOTHING: tuple[Any, ...] = (None, "", [], (), {})
_WIDE = frozenset({"status", "failure", "created", "updated", "finished", "deadline"})
"""Filters that alone, or together, may well mean every run of a store."""


def _plain(filters: Any) -> Any:
    """Filters with names in the place of workflows and attributes, and lists in that of tuples."""
    if isinstance(filters, Mapping):
        return {_plain(name): _plain(value) for name, value in filters.items()}
    if isinstance(filters, (list, tuple)):
        return [_plain(value) for value in filters]
    return filters.name if isinstance(filters, (Workflow, SearchAttribute)) else filters

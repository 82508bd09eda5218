"""Examining a store: what is in it, and whether any record is damaged. Reads only; needs no ownership."""

from __future__ import annotations

from collections import Counter
from typing import Any

from weft_core import codec
from weft_core.errors import CodecError
from weft_core.machine import records
from weft_core.machine.sealed import unseal_plain
from weft_core.model import keys
from weft_core.ports import Storage

_SHALLOW = ("meta/", keys.RUNS, keys.INBOX, keys.PURGING, keys.BULK)
_SHOWN = 100
"""Damaged records that are named; all are counted."""


async def examine(storage: Storage, *, deep: bool = False) -> dict[str, Any]:
    """Format, owner, runs by status, the oldest unfinished run, the next timer, what is under way.

    ``deep`` reads every record, counts all kinds and verifies each checksum (G18); else only the runs' own records are
    read. The answer is JSON-safe. A store that is being written to meanwhile is seen page by page, not as at one
    instant.
    """
    found = _Examination(deep)
    for prefix in ("",) if deep else _SHALLOW:
        after: str | None = None
        while rows := await storage.scan(prefix, after=after):
            after = rows[-1][0]
            for key, value in rows:
                found.record(key, value)
    for key, _ in await storage.scan(keys.TIMERS, limit=1):
        found.next_timer = int(key.split("/")[1], 16)
    return found.report()


class _Examination:
    def __init__(self, deep: bool) -> None:
        self._deep = deep
        self._store: dict[str, Any] = {"id": None, "format": None, "epoch": None, "commits": None}
        self._kinds: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._oldest: tuple[int, str] | None = None
        self.next_timer: int | None = None
        self._damaged: list[dict[str, str]] = []
        self._damages = 0

    def record(self, key: str, value: bytes) -> None:
        kind = key.partition("/")[0]
        self._kinds[kind] += 1
        self._bytes[kind] += len(key.encode()) + len(value)
        try:
            self._look(key, value)
        except CodecError as damage:
            self._damages += 1
            if len(self._damaged) < _SHOWN:
                self._damaged.append({"key": key, "problem": str(damage)})

    def _look(self, key: str, value: bytes) -> None:
        if key == keys.STORE:
            self._store["format"], self._store["id"] = unseal_plain(key, value)[:2]
        elif key == keys.OWNER:
            self._store["epoch"], self._store["commits"] = unseal_plain(key, value)[:2]
        elif key.startswith(keys.RUNS):
            self._run(key.removeprefix(keys.RUNS), value)
        elif self._deep and value:
            codec.unseal(key, value)

    def _run(self, run_id: str, value: bytes) -> None:
        try:
            header = records.read_header(run_id, value)
        except CodecError:
            self._statuses["unreadable"] += 1
            raise
        self._statuses[header.status] += 1
        if header.finished_at is None:
            self._oldest = min(self._oldest or (header.created_at, run_id), (header.created_at, run_id))

    def report(self) -> dict[str, Any]:
        return {
            "store": self._store,
            "runs": dict(self._statuses),
            "records": {kind: {"count": n, "bytes": self._bytes[kind]} for kind, n in sorted(self._kinds.items())},
            "oldest_unfinished": dict(zip(("created_at", "id"), self._oldest)) if self._oldest else None,
            "next_timer": self.next_timer,
            "under_way": {name: self._kinds[name] for name in ("inbox", "purging", "bulk") if self._kinds[name]},
            "verified": self._deep,
            "damaged": self._damages,
            "damages": self._damaged,
        }

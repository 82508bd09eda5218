"""Whether the index rows are those of the records, and making them so."""

from __future__ import annotations

from typing import Any

from weft_core.engine.patience import scan_all
from weft_core.engine.search.gathering import Reads
from weft_core.engine.search.spans import end_of
from weft_core.errors import CorruptRecordError, WeftError
from weft_core.machine import index, records
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys
from weft_core.ports import Op

VERSION = 1
"""Of the rows that ``machine/index.py`` writes; a store with those of another version is indexed anew."""
PAGE = 256

Difference = dict[str, Any]
Differences = list[Difference]


async def indexes_ready(storage: Reads) -> bool:
    """Whether every run has its rows. A store without any run has them too."""
    data = await storage.get(keys.INDEX)
    if data is None:
        return not await storage.scan(keys.RUNS, limit=1)
    return state(data) == (VERSION, None)


def state(data: bytes | None) -> tuple[int, str | None]:
    """The version of the rows, and the id of the run up to which they are there; None: of all."""
    if data is None:
        return 0, ""
    try:
        version, done = unseal_plain(keys.INDEX, data)
    except (CorruptRecordError, ValueError):
        return 0, ""
    return version, done


def state_record(done: str | None) -> Op:
    return keys.INDEX, seal_plain(keys.INDEX, [VERSION, done])


async def next_page(storage: Reads, done: str) -> tuple[list[Op], str | None]:
    """The rows of the runs behind ``done``, and how far they go; None: to the end."""
    rows = await storage.scan(keys.RUNS, after=keys.run(done) if done else None, limit=PAGE)
    ops: list[Op] = []
    for key, data in rows:
        ops += [(row, b"") for row in _rows_of(key.removeprefix(keys.RUNS), data) or ()]
    return ops, rows[-1][0].removeprefix(keys.RUNS) if len(rows) == PAGE else None


def _rows_of(run_id: str, data: bytes | None) -> tuple[str, ...] | None:
    """None: nobody knows, because the record is damaged."""
    if data is None:
        return ()
    try:
        return index.rows(records.read_header(run_id, data))
    except WeftError:
        return None


async def differences(storage: Reads) -> Differences:
    """Rows that are missing, and rows that no record asks for. Rows of damaged records are let be.

    Another process may write meanwhile, so each difference is looked at once more before it counts.
    """
    there = {key for kind in ("by-time", *keys.SEARCHES) for key, _ in await scan_all(storage, f"{kind}/")}
    needed: set[str] = set()
    unknown: set[str] = set()
    for key, data in await scan_all(storage, keys.RUNS):
        run_id = key.removeprefix(keys.RUNS)
        rows = _rows_of(run_id, data)
        if rows is None:
            unknown.add(run_id)
        else:
            needed.update(rows)
    suspects: dict[str, list[str]] = {}
    for key in sorted(there ^ needed):
        suspects.setdefault(run_of(key), []).append(key)
    found: Differences = []
    for run_id, keys_of_run in suspects.items():
        if run_id not in unknown:
            ops = await repairs(storage, run_id, keys_of_run)
            found += [{"key": k, "run_id": run_id, "problem": "missing" if v is not None else "stale"} for k, v in ops]
    return found


async def repairs(storage: Reads, run_id: str, suspects: list[str]) -> list[Op]:
    """What puts these rows right, as their run is stored now."""
    rows = _rows_of(run_id, await storage.get(keys.run(run_id)) if run_id else None)
    if rows is None:
        return []
    ops: list[Op] = []
    for key in suspects:
        if await storage.has(key) != (key in rows):
            ops.append((key, b"" if key in rows else None))
    return ops


def run_of(row: str) -> str:
    """The id of the run that an index row is of."""
    return end_of(row).rpartition("/")[2]

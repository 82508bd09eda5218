"""What removes a run: the batch that makes it invisible, and the records that remain to be removed after it.

The first batch removes the run's own record and its index rows, spends its idempotency key, and leaves ``purging/<id>``
if there is more: from then on there is no such run, whatever happens. The rest is garbage, removed in bounded batches;
``purging/<id>`` goes with the last of them, so that a crash in between is made good at the next opening.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from weft_core.machine import index
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys
from weft_core.model.run import RunHeader
from weft_core.ports import Op

_VERSION = 1


def prefixes(run_id: str) -> list[str]:
    """Where the records lie of which a run has any number."""
    return [f"{kind}/{run_id}/" for kind in keys.MANY_OF_A_RUN]


def singles(run_id: str) -> list[Op]:
    """What removes the records of which a run has one; harmless where there is none."""
    return [(f"{kind}/{run_id}", None) for kind in keys.ONE_OF_A_RUN]


def index_rows(header: RunHeader) -> list[Op]:
    """What removes the index rows that are derived from a run's record."""
    ops: list[Op] = [(row, None) for row in index.rows(header)]
    if header.finished_at is not None:
        ops.append((keys.ended(header.workflow, header.status, header.finished_at, header.id), None))
    return ops


def names(key: str, run_id: str) -> bool:
    """Whether an index row is about the run."""
    return run_id == (key.split("/")[2] if key.startswith(keys.TIMERS) else key.rpartition("/")[2])


def spend(key: str, run_id: str, stored: bytes | None, now: int, until: int | None) -> list[Op]:
    """What marks an idempotency key as that of a purged run (G6), until ``until`` or for ever."""
    record_key = keys.idempotency(key)
    known = unseal_plain(record_key, stored) if stored is not None else [run_id, b""]
    if known[0] != run_id:
        return []
    ops: list[Op] = [(record_key, seal_plain(record_key, [run_id, known[1], now]))]
    return ops if until is None else [*ops, (keys.spent(until, key), b"")]


def is_spent(record: list[Any]) -> bool:
    """Whether the record of an idempotency key says that its run has been purged."""
    return len(record) > 2


def hide(run_id: str, header: RunHeader | None) -> list[Op]:
    """What makes a run invisible. Without a header (it cannot be read) its index rows have to be looked for."""
    return [(keys.run(run_id), None), *(index_rows(header) if header is not None else ())]


def mark(run_id: str, thorough: bool) -> Op:
    """Says that records of the run remain; ``thorough``: perhaps also rows in indexes, which must be looked through."""
    key = keys.purging(run_id)
    return key, seal_plain(key, [_VERSION, thorough])


def read_mark(run_id: str, data: bytes) -> bool:
    """Whether the indexes must be looked through."""
    return bool(unseal_plain(keys.purging(run_id), data)[1])


def remove(found: Iterable[str]) -> list[Op]:
    return [(key, None) for key in found]

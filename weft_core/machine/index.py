"""Which index rows a run's record owns: a pure function of the record, so that every index can be rebuilt from it.

Rows are written in the batch of the record they are of, and only those that have changed: a run that starts and
finishes writes five, a step none.
"""

from __future__ import annotations

from weft_core import codec
from weft_core.machine import ordered
from weft_core.model import keys
from weft_core.model.run import RunHeader
from weft_core.ports import Op

_MAX_CODE = 200
_MAX_PREFIX = 700
"""Bytes: leaves room for a run id in what a store takes as a key."""


def rows(header: RunHeader) -> tuple[str, ...]:
    """Keys of the rows that the store must hold for this record."""
    at = keys.created(header.created_at, header.id)
    found = [keys.BY_TIME, keys.by_state(header.status, header.workflow)]
    if header.finished_at is not None:
        found.append(keys.by_instant(keys.BY_FINISHED, header.finished_at))
    if header.deadline:
        found.append(keys.by_instant(keys.BY_DEADLINE, header.deadline))
    if header.error:
        found.append(failure(header.error.get("code")))
    if header.tags:
        found += [keys.by_name("tag", tag) for tag in header.tags]
    if header.parent:
        found.append(keys.by_name("parent", header.parent[0]))
    if header.lineage and isinstance(schedule := header.lineage.get("schedule"), str):
        found.append(keys.by_name("schedule", schedule))
    if header.attributes:
        found += [row for name, data in header.attributes.items() for row in _attribute(name, data)]
    return tuple([prefix + at for prefix in found])


def failure(code: object) -> str:
    """Beginning of the rows of runs that failed with this code."""
    return keys.by_name("failure", str(code).encode(errors="replace")[:_MAX_CODE].decode(errors="ignore"))


def _attribute(name: str, data: bytes) -> list[str]:
    """None for what earlier versions let in: values of other types, names and text that make no key."""
    try:
        values = ordered.encode_each(codec.loads(data))
        prefixes = [f"{keys.by_name('attribute', name)}{value}{ordered.END}" for value in values]
        return [prefix for prefix in prefixes if len(prefix.encode()) <= _MAX_PREFIX]
    except Exception:  # its class is not at hand here, or is an author's that raises
        return []


def changes(header: RunHeader) -> list[Op]:
    """What brings the store's rows up to date with the record; they count as written from now on."""
    before, after = header.indexed, rows(header)
    if before == after:
        return []
    header.indexed = after
    ops: list[Op] = [(key, None) for key in before if key not in after]
    ops += [(key, b"") for key in after if key not in before]
    return ops

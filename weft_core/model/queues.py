"""Queues of activities, as a program declares them: how many attempts at once, and how many in a time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from weft_core.errors import DefinitionError, InvalidInputError
from weft_core.model.durations import Duration, duration_ms

Rate = tuple[int, int]
"""At most so many attempts begin in so many milliseconds."""

_RATE = re.compile(r"\s*(\d+)\s*/\s*(\d.*|[a-z]+)\s*", re.ASCII)
MAX_PRIORITY = 2**31


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue that activities wait in. None: no limit of that kind."""

    name: str
    concurrency: int | None = None
    """Attempts that run at once."""
    key_concurrency: int | None = None
    """Attempts that run at once and have one key."""
    rate: Rate | None = None


def queue(
    name: str,
    *,
    concurrency: int | None = None,
    rate: str | tuple[int, Duration] | None = None,
    key_concurrency: int | None = None,
) -> Queue:
    """Declare a queue for ``Engine(queues=[...])``, for ``ctx.run(..., queue="gpu")`` and ``@activity(queue="gpu")``.

    ``concurrency`` and ``key_concurrency`` limit how many attempts run at once, in all and for each key. ``rate`` says
    how many may begin: ``"10/s"``, ``"600/min"``, ``"5/10 s"`` or ``(5, "10 s")``. It is a bucket of that many tokens
    which fills evenly, so after a pause that many may begin together. The limits are those of the engine that runs, no
    part of what is stored: they may differ after a restart. ``DefinitionError``.
    """
    check_queue_name(name)
    for option, limit in (("concurrency", concurrency), ("key_concurrency", key_concurrency)):
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
            raise DefinitionError(f"{option} of queue {name} is a number of attempts, at least 1, not {limit!r}")
    return Queue(name, concurrency, key_concurrency, None if rate is None else _rate(name, rate))


def check_queue_name(name: Any) -> None:
    """Names of queues become parts of keys. ``DefinitionError``."""
    if not isinstance(name, str) or not name or "/" in name or "\0" in name or len(name.encode()) > 256:
        raise DefinitionError(f"{name!r} cannot name a queue: it must be text of 1 to 256 bytes without slashes")


def check_priority(priority: Any) -> None:
    """``InvalidInputError``."""
    if isinstance(priority, bool) or not isinstance(priority, int) or abs(priority) > MAX_PRIORITY:
        raise InvalidInputError(call="priority=", reason=f"{priority!r} is no whole number; higher ones come first")


def _rate(name: str, rate: Any) -> Rate:
    wrong = f'rate of queue {name} is "10/s", "5/10 s" or (5, "10 s"), not {rate!r}'
    if isinstance(rate, str):
        parts = _RATE.fullmatch(rate)
        if parts is None:
            raise DefinitionError(wrong)
        count, period = int(parts[1]), parts[2] if parts[2][0].isdigit() else f"1 {parts[2]}"
    elif isinstance(rate, tuple) and len(rate) == 2:
        count, period = rate
    else:
        raise DefinitionError(wrong)
    try:
        period_ms = duration_ms(period, f"the rate of queue {name}")
    except InvalidInputError as unreadable:
        raise DefinitionError(f"{wrong}: {unreadable}") from None
    if isinstance(count, bool) or not isinstance(count, int) or count < 1 or period_ms < 1:
        raise DefinitionError(f"{wrong}: at least one attempt, in at least a millisecond")
    return count, period_ms

"""Starts that others leave in the inbox: what they hold, and what is checked of them before they are left."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from weft_core import codec
from weft_core.engine.interceptors import check_headers
from weft_core.engine.starts import StartOptions
from weft_core.errors import (
    CorruptRecordError,
    IdempotencyKeyConflictError,
    IdempotencyKeyPurgedError,
    PayloadTooLargeError,
    RunExistsError,
)  # fmt: skip
from weft_core.machine import marks, records
from weft_core.machine.sealed import unseal_plain
from weft_core.model import keys
from weft_core.model.durations import Duration, duration_ms
from weft_core.model.limits import DEFAULT_LIMITS
from weft_core.model.names import check_id, check_text
from weft_core.ports import Row
from weft_core.workflow import Workflow

_TYPES = {"id": str, "key": str, "start_at": int, "timeout_ms": int, "tags": list, "headers": dict}
Message = list[Any]
"""``["start", workflow, encoded inputs, facts]``"""


def start_message(
    workflow: Workflow | str,
    inputs: tuple[Any, ...],
    now: int,
    run_id: str,
    *,
    idempotency_key: str | None = None,
    delay: Duration | None = None,
    start_at: datetime | int | float | None = None,
    execution_timeout: Duration | None = None,
    tags: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
) -> Message:
    """The start as it is left. Raises what ``engine.start`` would raise, as far as that can be told without it."""
    name = workflow if isinstance(workflow, str) else workflow.name
    check_text(name, "the name of a workflow", DEFAULT_LIMITS)
    if isinstance(workflow, Workflow):
        workflow.check_inputs(inputs)
    data, limit = codec.dumps(list(inputs)), DEFAULT_LIMITS.max_payload_bytes
    if len(data) > limit:
        raise PayloadTooLargeError(what="the input", actual=len(data), limit=limit)
    check_id(run_id, "a run id", DEFAULT_LIMITS)
    if idempotency_key is not None:
        check_id(idempotency_key, "an idempotency key", DEFAULT_LIMITS)
    options = StartOptions.of(now, delay=delay, start_at=start_at)
    facts = {
        "id": run_id,
        "key": idempotency_key,
        "start_at": options.start_at,
        "timeout_ms": duration_ms(execution_timeout, "execution_timeout") if execution_timeout is not None else 0,
        "tags": [*marks.check_tags(tags, DEFAULT_LIMITS)] if tags else [],
        "headers": check_headers(headers, "start", DEFAULT_LIMITS) if headers else {},
    }
    return ["start", name, data, {name: value for name, value in facts.items() if value}]


def options_of(facts: dict[str, Any], now: int, headers: dict[str, str]) -> StartOptions:
    """The options of a start that was left; its execution timeout counts from now, or from when its body begins."""
    start_at, timeout_ms = facts.get("start_at", 0), facts.get("timeout_ms", 0)
    return StartOptions(
        facts["id"], facts.get("key"), start_at, max(start_at, now) + timeout_ms if timeout_ms else 0,
        tags=facts.get("tags", []), headers=headers,
    )  # fmt: skip


def is_start(facts: Any) -> bool:
    """Whether they are what a start may say; anybody may have left them."""
    if not isinstance(facts, dict) or "id" not in facts:
        return False
    return all(type(v) is _TYPES.get(name) for name, v in facts.items())


def inputs_of(data: bytes) -> tuple[Any, ...]:
    inputs = codec.loads(data)
    if not isinstance(inputs, list):
        raise CorruptRecordError(key=keys.INBOX, reason="the inputs of a start are no list")
    return tuple(inputs)


def same_run(
    message: Message, chosen: str | None, of_key: bytes | None, header: bytes | None, others: Iterable[Message]
) -> str | None:
    """The run that a start means, if that is there already or about to start: the one with its key.

    ``chosen`` is the id that its caller gave; ``of_key`` and ``header`` are the records of its key and its id, and
    ``others`` the starts that wait to be taken up. ``RunExistsError``, ``IdempotencyKeyConflictError``,
    ``IdempotencyKeyPurgedError``.
    """
    run_id, key = message[3]["id"], message[3].get("key")
    found = _known(message, key, of_key) if key is not None and of_key is not None else None
    for other in others:
        found = found or _same(message, key, other)
        if found is None and other[3]["id"] == run_id:
            raise RunExistsError(run_id=run_id, status="about to start")
    if found is not None and chosen not in (None, found):
        raise IdempotencyKeyConflictError(key=key, run_id=found)
    if found is None and header is not None:
        raise RunExistsError(run_id=run_id, status=records.read_header(run_id, header).status)
    return found


def _known(message: Message, key: str, record: bytes) -> str:
    _, workflow, data, _ = message
    found, digest, *purged = unseal_plain(keys.idempotency(key), record)
    if purged:
        raise IdempotencyKeyPurgedError(key=key, run_id=found)
    if digest != hashlib.sha256(b"%b\0%b" % (workflow.encode(), data)).digest():
        raise IdempotencyKeyConflictError(key=key, run_id=found)
    return str(found)


def _same(message: Message, key: str | None, other: Message) -> str | None:
    if key is None or other[3].get("key") != key:
        return None
    if other[1:3] != message[1:3]:
        raise IdempotencyKeyConflictError(key=key, run_id=other[3]["id"])
    return str(other[3]["id"])


def starts_among(rows: Iterable[Row]) -> Iterator[Message]:
    """The starts among rows of the inbox."""
    for key, data in rows:
        try:
            message = unseal_plain(key, data)
        except CorruptRecordError:
            continue  # its owner says so
        if message[:1] == ["start"] and len(message) == 4 and is_start(message[3]):
            yield message

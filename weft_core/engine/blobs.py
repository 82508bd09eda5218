"""Blobs: values in parts beside the checkpoint, ``blob/<run>/<key>/<step>.<attempt>.<part>``.

An attempt stores its value before its outcome is recorded, which is the reference. ``blob/<run>/<key>/last`` names the
value that was stored last under a key, for readers who have no reference.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator
from typing import Any

from weft_core import codec
from weft_core.engine.batch import Envelope
from weft_core.engine.patience import PatientReads, scan_all
from weft_core.engine.writing import first_of_kind
from weft_core.errors import BlobNotFoundError, CorruptRecordError, OperationMisuseError, PayloadTooLargeError
from weft_core.machine.effects import StartAttempt
from weft_core.machine.naming import check_name
from weft_core.machine.operations.activity.note import RUNNING, VERIFYING
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys
from weft_core.model.blobs import BlobRef
from weft_core.model.limits import Limits
from weft_core.model.run import RunState
from weft_core.ports import Op

PART = 256 * 1024
_TOGETHER = 4
"""Parts in one commit."""


class Blobs:
    """Stores and loads them. One per open engine."""

    def __init__(self, reads: PatientReads, submit: Callable[[Envelope], None], limits: Limits) -> None:
        self._reads, self._submit, self._limits = reads, submit, limits

    # -- storing

    async def store(self, effect: StartAttempt, value: Any) -> BlobRef:
        """Make the value of an attempt durable. ``NotSerializableError``, ``PayloadTooLargeError``."""
        data, limit = codec.dumps(value), self._limits.max_blob_bytes
        if len(data) > limit:
            raise PayloadTooLargeError(what=f"the result of {effect.activity}", actual=len(data), limit=limit)
        ref = BlobRef(effect.run_id, effect.keep or str(effect.step), len(data), f"{effect.step}.{effect.attempt}")
        ops: list[Op] = []
        for key, part in _parts(ref, data):
            if len(ops) == _TOGETHER:
                await self._write(effect, ops)
                ops = []
            ops.append((key, codec.seal(key, part)))
        last = keys.blob_last(ref.run_id, ref.key)
        ops.append((last, seal_plain(last, [ref.size, ref.made])))
        await self._write(effect, [*ops, *await self._left_by_others(effect, ref)])
        return ref

    async def _left_by_others(self, effect: StartAttempt, ref: BlobRef) -> list[Op]:
        """What removes what earlier attempts of the step have stored."""
        if effect.attempt == 1:
            return []
        rows = await scan_all(self._reads, keys.blob_prefix(ref.run_id, ref.key, f"{effect.step}."))
        own = keys.blob_prefix(ref.run_id, ref.key, f"{ref.made}.")
        return [(key, None) for key, _ in rows if not key.startswith(own)]

    async def _write(self, effect: StartAttempt, ops: list[Op]) -> None:
        reply: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        write = functools.partial(_of_attempt, effect, ops)
        self._submit(Envelope(effect.run_id, write=write, reply=reply))
        await reply

    # -- loading

    async def load(self, ref: BlobRef) -> Any:
        """The value. ``BlobNotFoundError``: it was purged with its run."""
        if not isinstance(ref, BlobRef):
            raise OperationMisuseError(operation="load", reason=f"{ref!r} is no BlobRef; ctx.offload makes them")
        parts = []
        for key in _names(ref):
            sealed = await self._reads.get(key)
            if sealed is None:
                raise BlobNotFoundError(run_id=ref.run_id, key=ref.key)
            parts.append(codec.unseal(key, sealed))
        data = b"".join(parts)
        if len(data) != ref.size:
            at = keys.blob_prefix(ref.run_id, ref.key, ref.made)
            raise CorruptRecordError(key=at, reason=f"{len(data)} bytes in place of {ref.size}")
        return codec.loads(data)

    async def last(self, run_id: str, key: str) -> BlobRef:
        """What was stored last under a key."""
        check_name(key, "the key of a blob", self._limits)
        place = keys.blob_last(run_id, key)
        data = await self._reads.get(place)
        if data is None:
            raise BlobNotFoundError(run_id=run_id, key=key)
        size, made = unseal_plain(place, data)
        return BlobRef(run_id, key, size, made)


def _names(ref: BlobRef) -> Iterator[str]:
    for number in range(max(1, -(-ref.size // PART))):
        yield keys.blob(ref.run_id, ref.key, ref.made, number)


def _parts(ref: BlobRef, data: bytes) -> Iterator[tuple[str, bytes]]:
    for number, key in enumerate(_names(ref)):
        yield key, data[number * PART : (number + 1) * PART]


def _of_attempt(effect: StartAttempt, ops: list[Op], run: RunState, now: int) -> list[Op]:
    """Only while the run waits for this attempt."""
    task = run.tasks.get(effect.task)
    phases = ([RUNNING, effect.attempt], [VERIFYING, effect.attempt])
    if task is None or task.step != effect.step or task.wait[:2] not in phases:
        raise OperationMisuseError(operation="offload", reason="nobody waits for this attempt any more")
    return [*ops, *first_of_kind(run, "blob")]

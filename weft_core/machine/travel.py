"""A run on its way: one envelope of bytes with all its records, and the short messages that go with it.

    WEFTRUN1 · length and msgpack of the head · for each record: lengths, key, value · SHA-256 of all before

Keys are without the run's id, ``log/000000000001``: an envelope can name no record of another run. What is read is
bounded before it is decoded (G19): a record costs its own bytes, and a head is at most 64 KiB.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from typing import Any

import msgpack

from weft_core.errors import EnvelopeDamagedError, WeftError
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys
from weft_core.model.limits import Limits
from weft_core.model.names import check_id

_MAGIC = b"WEFTRUN1"
_MAX_HEAD = 64 * 1024
_MAX_KEY = 1_500
_LENGTH = struct.Struct(">I")
_LENGTHS = struct.Struct(">II")
_DIGEST = 32
_LONE = ("run", "ckpt", "idem")
_HEAD = (str, str, str, str, int, str, bool, str)
MAX_MOVES = 2**53
"""Nobody has moved that often; a number that cannot be counted on would be stored, and stop whoever adds one to it."""


@dataclass(frozen=True, slots=True)
class Traveller:
    """A run with its records, by their keys without its id."""

    run_id: str
    workflow: str
    version: str
    code: str
    """Fingerprint of the workflow's function."""
    moves: int
    handoff_id: str
    goes_on: bool
    store_id: str
    """Of the store that it comes from."""
    rows: dict[str, bytes]

    def key(self, name: str) -> str:
        """The key of a row in a store."""
        kind, _, rest = name.partition("/")
        return f"{kind}/{self.run_id}/{rest}" if rest else f"{kind}/{self.run_id}"


def pack(run: Traveller) -> bytes:
    head = msgpack.packb(
        [run.run_id, run.workflow, run.version, run.code, run.moves, run.handoff_id, run.goes_on, run.store_id]
    )
    parts = [_MAGIC, _LENGTH.pack(len(head)), head]
    for name, value in run.rows.items():
        key = name.encode()
        parts += [_LENGTHS.pack(len(key), len(value)), key, value]
    body = b"".join(parts)
    return body + hashlib.sha256(body).digest()


def unpack(data: bytes, limits: Limits) -> Traveller:
    """``EnvelopeDamagedError``: these are not all the bytes that were sent, or they are none of ours."""
    if len(data) > limits.max_handoff_bytes:
        raise EnvelopeDamagedError(reason=f"{len(data):,} bytes are more than the {limits.max_handoff_bytes:,} allowed")
    if len(data) < len(_MAGIC) + _LENGTH.size + _DIGEST or data[: len(_MAGIC)] != _MAGIC:
        raise EnvelopeDamagedError(reason="they do not begin as an envelope of this version does")
    body = memoryview(data)[:-_DIGEST]
    if hashlib.sha256(body).digest() != data[-_DIGEST:]:
        raise EnvelopeDamagedError(reason="the checksum is wrong")
    try:
        return _unpacked(body, limits)
    except (struct.error, UnicodeDecodeError, ValueError, TypeError, msgpack.UnpackException) as nonsense:
        raise EnvelopeDamagedError(reason=str(nonsense) or type(nonsense).__name__) from None


def _unpacked(body: memoryview, limits: Limits) -> Traveller:
    at = len(_MAGIC)
    (length,) = _LENGTH.unpack_from(body, at)
    at += _LENGTH.size
    if length > min(_MAX_HEAD, len(body) - at):
        raise EnvelopeDamagedError(reason="its head is too long")
    head = msgpack.unpackb(bytes(body[at : at + length]), max_array_len=len(_HEAD), max_map_len=0)
    at += length
    if not isinstance(head, list) or [type(value) for value in head] != list(_HEAD) or not 1 <= head[4] < MAX_MOVES:
        raise EnvelopeDamagedError(reason="its head says something else")
    for text in (head[0], head[1], head[5]):
        check_name(text, limits)
    rows: dict[str, bytes] = {}
    while at < len(body):
        of_key, of_value = _LENGTHS.unpack_from(body, at)
        at += _LENGTHS.size
        if of_key > _MAX_KEY or of_key + of_value > len(body) - at:
            raise EnvelopeDamagedError(reason="a record is longer than what there is")
        name = str(body[at : at + of_key], "utf-8")
        _check_row(name, rows)
        rows[name] = bytes(body[at + of_key : at + of_key + of_value])
        at += of_key + of_value
    run_id, workflow, version, code, moves, handoff_id, goes_on, store_id = head
    return Traveller(run_id, workflow, version, code, moves, handoff_id, goes_on, store_id, rows)


def check_name(text: str, limits: Limits) -> None:
    """An id that another engine gives: ``EnvelopeDamagedError`` if no store could keep it."""
    try:
        check_id(text, "an id", limits)
    except WeftError as refusal:
        raise EnvelopeDamagedError(reason=str(refusal)) from None


def _check_row(name: str, known: dict[str, bytes]) -> None:
    kind, _, rest = name.partition("/")
    known_kind = name in _LONE or (kind in keys.MANY_OF_A_RUN and bool(rest))
    if not known_kind or name in known or "\0" in name:
        raise EnvelopeDamagedError(reason=f"{name[:80]!r} names no record of a run")


def message(kind: str, *values: Any) -> bytes:
    """A short message between engines."""
    return seal_plain("handoff", [kind, *values])


def read_message(data: bytes, kinds: tuple[str, ...], limit: int = _MAX_HEAD) -> list[Any]:
    """``[kind, ...]``. ``EnvelopeDamagedError``."""
    if len(data) > limit:
        raise EnvelopeDamagedError(reason=f"{len(data):,} bytes are too many for this message")
    try:
        values = unseal_plain("handoff", data)
    except WeftError as damage:
        raise EnvelopeDamagedError(reason=str(damage)) from None
    if not values or values[0] not in kinds:
        raise EnvelopeDamagedError(reason=f"it is none of {', '.join(kinds)}")
    return values

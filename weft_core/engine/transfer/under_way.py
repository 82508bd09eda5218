"""Exports and imports that are asked for piece by piece, by somebody who may stop asking."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from weft_core.engine.transfer.exporting import LiveExport
from weft_core.engine.transfer.importing import Import
from weft_core.errors import TransferNotFoundError

_MOST = 4
"""Exports at a time; a further one ends the oldest."""
PIECE_BYTES = 192 * 1024


@dataclass(slots=True)
class Piece:
    data: bytes
    done: bool
    """The piece before this one was the last."""


@dataclass(slots=True)
class _Reading:
    export: LiveExport
    pages: AsyncIterator[bytes]
    number: int = -1
    """Of the last piece that was given."""
    last: Piece = field(default_factory=lambda: Piece(b"", False))


class UnderWay:
    """One per engine."""

    def __init__(self) -> None:
        self._exports: dict[str, _Reading] = {}
        self.importing: Import | None = None

    async def begin_export(self, name: str, export: LiveExport) -> None:
        await self.end_export(name)
        if len(self._exports) >= _MOST:
            await self.end_export(next(iter(self._exports)))
        self._exports[name] = _Reading(export, export.pages())

    async def end_export(self, name: str) -> None:
        reading = self._exports.pop(name, None)
        if reading is not None:
            await reading.pages.aclose()  # type: ignore[attr-defined]

    async def read(self, name: str, number: int) -> tuple[Piece, LiveExport]:
        """Piece ``number``: the next one, or the last again if its answer was lost."""
        reading = self._exports.get(name)
        if reading is None or number not in (reading.number, reading.number + 1):
            raise TransferNotFoundError(transfer=name)
        if number > reading.number:
            try:
                reading.last = await _next(reading.pages)
            except BaseException:
                self._exports.pop(name, None)
                raise
            reading.number = number
        return reading.last, reading.export

    def import_named(self, name: str) -> Import:
        if self.importing is None or self.importing.name != name:
            raise TransferNotFoundError(transfer=name)
        return self.importing


async def _next(pages: AsyncIterator[bytes]) -> Piece:
    found: list[bytes] = []
    size = 0
    async for page in pages:
        found.append(page)
        size += len(page)
        if size >= PIECE_BYTES:
            break
    return Piece(b"".join(found), not found)

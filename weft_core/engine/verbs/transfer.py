"""The whole store as one file, and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from weft_core.engine.core import EngineCore
from weft_core.engine.transfer.exporting import LiveExport
from weft_core.engine.transfer.importing import Import
from weft_core.engine.transfer.under_way import UnderWay
from weft_core.errors import InvalidInputError, TransferNotFoundError
from weft_core.machine.sealed import unseal_plain
from weft_core.model import keys


class TransferVerbs(EngineCore):
    """export, backup_status; export and import piece by piece."""

    _transfers: UnderWay | None = None

    async def export(self, *, compress: bool = True) -> AsyncIterator[bytes]:
        """The file of an export, piece by piece: everything in the store, as at one commit, while its runs go on.

        ``weft_core.engine.import_store`` takes it. See docs/export.md.
        """
        export = self._export(compress)
        async for piece in export.pages():
            yield piece
        await self.discard([export.mark])

    async def backup_status(self) -> dict[str, Any]:
        """When the store was last exported (``exported_at``, epoch ms; None: never), how many commits with events there
        have been since, and what it was ``restored`` from. JSON-safe."""
        self._check_open()
        exported, restored = await self._reads.get(keys.EXPORTED), await self._reads.get(keys.RESTORED)
        at, position = unseal_plain(keys.EXPORTED, exported)[:2] if exported is not None else (None, 0)
        facts = unseal_plain(keys.RESTORED, restored) if restored is not None else None
        names = ("generation", "import", "at", "exported_at")
        return {
            "store_id": self._parts.committer.store_id,
            "exported_at": at,
            "changes": self._parts.pump.feed.position - position,
            "restored": dict(zip(names, facts)) if facts is not None else None,
        }

    async def export_begin(self, name: str, *, compress: bool = True) -> None:
        """Begin an export that :meth:`export_read` gives piece by piece. Begun again under its name, it begins anew."""
        self._check_open()
        await self._under_way.begin_export(_text(name, "export_begin"), self._export(compress))

    async def export_read(self, name: str, number: int) -> tuple[bytes, bool]:
        """Piece ``number`` of the file (from 0), and whether it had ended before: asked for the piece after the last
        one, the caller has the whole file, and that is written down. ``TransferNotFoundError``: begin again."""
        self._check_open()
        piece, export = await self._under_way.read(name, number)
        if piece.done:
            await self.discard([export.mark])
            await self._under_way.end_export(name)
        return piece.data, piece.done

    async def import_begin(self, name: str, *, replace: bool = False, as_new: bool = False) -> None:
        """Begin to take an export beside what is in the store. ``StoreNotEmptyError``, unless ``replace``."""
        self._check_open()
        new = self._new_id() if as_new else None
        importing = Import(self.storage, name=_text(name, "import_begin"), replace=replace, as_new=new)
        await importing.begin()
        self._under_way.importing = importing

    async def import_write(self, name: str, at: int, data: bytes) -> int:
        """The bytes of the file from ``at`` on. Returns how many there are now; none are taken twice."""
        self._check_open()
        importing = self._under_way.import_named(name)
        if at > importing.size:
            raise TransferNotFoundError(transfer=name)
        if at == importing.size:
            try:
                await importing.write(data)
            except BaseException:
                self._under_way.importing = None  # some of it may have been taken
                raise
        return importing.size

    async def import_finish(self, name: str) -> dict[str, Any]:
        """The file is whole: close this engine and make the store what the file says. The next engine that opens it
        goes on from there. A file that is not whole changes nothing, and this engine stays open."""
        self._check_open()
        status = await self.backup_status()
        if status["restored"] and status["restored"]["import"] == name:
            return {"store_id": status["store_id"], "generation": status["restored"]["generation"]}
        importing = self._under_way.import_named(name)
        header, _ = importing.check()
        await importing.check_empty()
        closes, self._close_storage = self._close_storage, False
        await self.close()
        try:
            await importing.switch(self._clock.now_ms())
        finally:
            if closes:
                await self.storage.close()
        return {"store_id": importing.store_id, "generation": header.generation + 1}

    @property
    def _under_way(self) -> UnderWay:
        if self._transfers is None:
            self._transfers = UnderWay()
        return self._transfers

    def _export(self, compress: bool) -> LiveExport:
        self._check_open()
        parts = self._parts
        return LiveExport(
            self._reads, parts.committer, parts.decide_alone, lambda: parts.pump.feed.position, self._clock.now_ms(),
            compress,
        )  # fmt: skip


def _text(name: Any, call: str) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= 100:
        raise InvalidInputError(call=call, reason="its name must be text of at most 100 characters")
    return name

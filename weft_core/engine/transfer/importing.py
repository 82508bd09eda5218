"""Import: a whole export or nothing of it, wherever it is interrupted.

1. *Staging.* Pages are kept under ``incoming/`` beside what is in the store, which stays as it is and may be in use.
   Interrupted here, the pages are removed when an engine opens the store.
2. *The switch.* When the trailer fits, one batch says so in ``incoming/!`` and raises the owner's epoch: an engine
   that still runs on the store is fenced.
3. *Placing.* What was in the store is removed, and page after page put into its place. Each batch also writes how far
   it is, so that it goes on after an interruption: an engine that opens the store does that first.
"""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Any

from weft_core import codec
from weft_core.codec.dump import DumpReader, Header, Page, Trailer
from weft_core.engine.commit import STORE_FORMAT
from weft_core.engine.transfer.placing import PLACING, STAGING, discard, settle
from weft_core.engine.transfer.scope import first_content, is_content
from weft_core.errors import (
    EngineFencedError,
    ExportFileError,
    ExportVersionError,
    StoreNotEmptyError,
    TransferNotFoundError,
)
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys
from weft_core.ports import Storage


async def check_export(pieces: AsyncIterable[bytes]) -> tuple[Header, Trailer]:
    """Read an export to its end. ``ExportFileError``: it is damaged, or not one."""
    reader = DumpReader()
    async for piece in pieces:
        for page in reader.feed(piece):
            check_page(page)
        check_header(reader.header)
    return finished(reader)


async def import_store(
    storage: Storage, pieces: AsyncIterable[bytes], *, name: str, now_ms: int, replace: bool = False,
    as_new: str | None = None,
) -> Header:  # fmt: skip
    """Make the store what the export says. Nobody may use it meanwhile; an engine that does is fenced.

    A store with anything in it: ``StoreNotEmptyError``, unless ``replace``. The store keeps the id of the one that was
    exported, so that activities have the same idempotency keys; ``as_new`` gives it this id instead, for a copy that
    runs beside the original. ``name`` tells this import from others.
    """
    importing = Import(storage, name=name, replace=replace, as_new=as_new)
    await importing.begin()
    try:
        async for piece in pieces:
            await importing.write(piece)
        header, _ = importing.check()
    except BaseException:
        await discard(storage)
        raise
    await importing.switch(now_ms)
    return header


class Import:
    """One import. ``begin``, any number of ``write``, ``check``, ``switch``."""

    def __init__(self, storage: Storage, *, name: str, replace: bool = False, as_new: str | None = None) -> None:
        self._storage, self.name = storage, name
        self._replace, self._as_new = replace, as_new
        self._reader = DumpReader()
        self._pages = 0
        self._mark = seal_plain(keys.IMPORT, [STAGING, name])
        self.size = 0
        """Bytes that were taken."""

    async def begin(self) -> None:
        """``StoreNotEmptyError``. An import that was placed half is finished first; another one is given up."""
        await settle(self._storage)
        await self.check_empty()
        if not await self._storage.conditional_batch([(keys.IMPORT, None)], [(keys.IMPORT, self._mark)]):
            raise TransferNotFoundError(transfer=self.name)

    async def write(self, data: bytes) -> None:
        """Take the next bytes of the file. ``ExportFileError``, ``StorageQuotaError``, ``TransferNotFoundError``."""
        for page in self._reader.feed(data):
            check_page(page)
            await self._stage(page)
        check_header(self._reader.header)
        self.size += len(data)

    async def _stage(self, page: Page) -> None:
        key = keys.incoming(self._pages)
        sealed = codec.seal(key, bytes((page.kind,)) + page.body)
        if not await self._storage.conditional_batch([(keys.IMPORT, self._mark)], [(key, sealed)]):
            raise TransferNotFoundError(transfer=self.name)
        self._pages += 1

    @property
    def store_id(self) -> str:
        """What the store is called after it. Known when the header has been taken."""
        return self._as_new or (self._reader.header.store_id if self._reader.header is not None else "")

    def check(self) -> tuple[Header, Trailer]:
        """The whole file has been taken. ``ExportFileError``: it is not whole."""
        return finished(self._reader)

    async def switch(self, now_ms: int) -> None:
        """From here on the store is the one that was exported."""
        header, _ = self.check()
        owner = await self._storage.get(keys.OWNER)
        await self.check_empty()
        epoch = max(header.epoch, unseal_plain(keys.OWNER, owner)[0] if owner is not None else 0) + 1
        facts: list[Any] = [PLACING, self.name, self._pages, -1, self.store_id]
        facts += [header.generation + 1, now_ms, header.made_ms]
        conditions = [(keys.IMPORT, self._mark), (keys.OWNER, owner)]
        placing = seal_plain(keys.IMPORT, facts)
        fenced = seal_plain(keys.OWNER, [epoch, 0])
        if not await self._storage.conditional_batch(conditions, [(keys.IMPORT, placing), (keys.OWNER, fenced)]):
            if await self._storage.get(keys.IMPORT) == self._mark:
                raise EngineFencedError(epoch=epoch)  # an engine has opened the store, or writes to it
            raise TransferNotFoundError(transfer=self.name)
        await settle(self._storage)

    async def check_empty(self) -> None:
        """``StoreNotEmptyError``"""
        if not self._replace and (found := await first_content(self._storage)) is not None:
            raise StoreNotEmptyError(key=found)


def check_page(page: Page) -> None:
    """An export has no rows that a store keeps to itself."""
    for key, _ in page.rows:
        if not is_content(key):
            raise ExportFileError(reason=f"it has a row {key!r:.80}, which no export has", offset=0)


def check_header(header: Header | None) -> None:
    if header is not None and header.store_format > STORE_FORMAT:
        raise ExportVersionError(format=header.store_format, known=STORE_FORMAT)


def finished(reader: DumpReader) -> tuple[Header, Trailer]:
    trailer = reader.finish()
    assert reader.header is not None
    return reader.header, trailer

"""Export: all rows of a store, as at one commit, in pages.

A store that an engine runs is not stopped for it. Its rows are read while it goes on; what it wrote meanwhile is read
again, and once more, until little is left; that little is read between two commits. So the export is the store as it
was at that commit, and nothing waits but for the last few rows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from weft_core.codec.dump import DumpWriter, Header
from weft_core.engine.commit import Committer, Watch
from weft_core.engine.patience import PatientReads
from weft_core.engine.transfer.scope import Readable, is_content, pages_of_content
from weft_core.errors import StorageOpenError, StorageUnavailableError
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys
from weft_core.ports import Op
from weft_core.version import VERSION

_FEW = 64
"""So many rows may be read between two commits."""
_ROUNDS = 8
OpList = list[Op]
Alone = Callable[[Callable[[], Awaitable[OpList]]], Awaitable[None]]


async def export_store(storage: Readable, *, now_ms: int, compress: bool = True) -> AsyncIterator[bytes]:
    """A store that nobody writes to. If somebody does: ``StorageUnavailableError``, and what was made is no export."""
    owner = await storage.get(keys.OWNER)
    writer = DumpWriter(compress=compress)
    yield writer.begin(await header_of(storage, now_ms))
    async for rows in pages_of_content(storage):
        for key, value in rows:
            if piece := writer.add(key, value):
                yield piece
    if await storage.get(keys.OWNER) != owner:
        raise StorageUnavailableError(store=type(storage).__name__, reason="it was written to while it was exported")
    yield writer.end(unseal_plain(keys.OWNER, owner)[1] if owner is not None else 0)


class LiveExport:
    """Of a store that an engine owns; ``alone`` runs something between two of its commits."""

    def __init__(
        self, reads: PatientReads, committer: Committer, alone: Alone, position: Callable[[], int], now_ms: int,
        compress: bool,
    ) -> None:  # fmt: skip
        self._reads, self._committer, self._alone, self._now_ms = reads, committer, alone, now_ms
        self._position = position
        self._writer = DumpWriter(compress=compress)
        self._watch = Watch()
        self._commits = 0
        self.mark: Op = (keys.EXPORTED, None)
        """To be written when the export has arrived where it is kept."""

    @property
    def rows(self) -> int:
        return self._writer.rows

    async def pages(self) -> AsyncIterator[bytes]:
        """The file. Left early, it costs nothing more."""
        self._committer.watches.append(self._watch)
        try:
            yield self._writer.begin(await header_of(self._reads, self._now_ms))
            async for rows in pages_of_content(self._reads):
                for key, value in rows:
                    if piece := self._writer.add(key, value):
                        yield piece
            async for piece in self._catch_up():
                yield piece
            yield self._writer.end(self._commits)
        finally:
            self._committer.watches.remove(self._watch)

    async def _catch_up(self) -> AsyncIterator[bytes]:
        for _ in range(_ROUNDS):
            if len(self._watch.keys) <= _FEW:
                break
            async for piece in self._again():
                yield piece
        last: list[bytes] = []

        async def between_commits() -> OpList:
            last.extend([piece async for piece in self._again()])
            self._commits = self._committer.commits
            self.mark = (keys.EXPORTED, seal_plain(keys.EXPORTED, [self._now_ms, self._position()]))
            return []

        await self._alone(between_commits)
        for piece in last:
            yield piece

    async def _again(self) -> AsyncIterator[bytes]:
        """What was written since it was last read."""
        if self._watch.lost:
            reason = "more was written to it than can be caught up with; export it again, and faster"
            raise StorageUnavailableError(store="engine's", reason=reason)
        written, self._watch.keys = self._watch.keys, set()
        for key in sorted(filter(is_content, written)):
            if piece := self._writer.add(key, await self._reads.get(key)):
                yield piece


async def header_of(storage: Readable, now_ms: int) -> Header:
    """What is said of the store. One that no engine has opened yet: ``StorageOpenError``."""
    store = await storage.get(keys.STORE)
    if store is None:
        remedy = "open it with an engine first"
        raise StorageOpenError(store="Weft", path="the store", reason="there is nothing in it", remedy=remedy)
    owner, restored = await storage.get(keys.OWNER), await storage.get(keys.RESTORED)
    format_, store_id = unseal_plain(keys.STORE, store)[:2]
    return Header(
        store_id=store_id,
        store_format=format_,
        generation=unseal_plain(keys.RESTORED, restored)[0] if restored is not None else 0,
        epoch=unseal_plain(keys.OWNER, owner)[0] if owner is not None else 0,
        made_ms=now_ms,
        made_by=f"weft-engine {VERSION}",
    )

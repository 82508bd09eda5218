"""The second half of an import: the staged pages are put into their places, or thrown away. Done again, it goes on."""

from __future__ import annotations

from typing import Any, Final

from weft_core import codec
from weft_core.codec.dump import rows_of
from weft_core.engine.commit import STORE_FORMAT
from weft_core.engine.transfer.scope import pages_of_content
from weft_core.errors import CorruptRecordError
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys
from weft_core.ports import Op, Storage

STAGING: Final = "staging"
"""[STAGING, name of the import]"""
PLACING: Final = "placing"
"""[PLACING, name, pages, next page or -1 (what was there is to be removed first), store id, generation, now, made]"""


async def settle(storage: Storage) -> None:
    """Bring an import that was interrupted to its end: finish it if it was whole, else remove it."""
    rows = await storage.scan(keys.INCOMING, limit=1)
    while rows:
        key, mark = rows[0]
        if key != keys.IMPORT or unseal_plain(key, mark)[0] == STAGING:
            await discard(storage)
        else:
            await _place(storage, mark)
        rows = await storage.scan(keys.INCOMING, limit=1)


async def discard(storage: Storage) -> None:
    """Remove what is staged. The import that staged it finds out."""
    mark = await storage.get(keys.IMPORT)
    if mark is not None and unseal_plain(keys.IMPORT, mark)[0] == STAGING:
        await storage.conditional_batch([(keys.IMPORT, mark)], [(keys.IMPORT, None)])
    while rows := await storage.scan(keys.INCOMING):
        gone: list[Op] = [(key, None) for key, _ in rows if key != keys.IMPORT]
        if not gone or not await storage.conditional_batch([(keys.IMPORT, None)], gone):
            return  # another import has begun


async def _place(storage: Storage, mark: bytes) -> None:
    """One after the other; whoever else does the same meanwhile does each step once between us."""
    facts = unseal_plain(keys.IMPORT, mark)
    if facts[3] < 0:
        async for rows in pages_of_content(storage):
            if not await storage.conditional_batch([(keys.IMPORT, mark)], [(key, None) for key, _ in rows]):
                return
        mark = await _step(storage, mark, facts, 0, [])
    while mark and facts[3] < facts[2]:
        ops = await _page(storage, facts[3])
        if ops is None:
            if await storage.get(keys.IMPORT) != mark:
                return
            raise CorruptRecordError(key=keys.incoming(facts[3]), reason="a page of an import is missing")
        mark = await _step(storage, mark, facts, facts[3] + 1, ops)
    if mark:
        await storage.conditional_batch([(keys.IMPORT, mark)], _end(facts))


async def _step(storage: Storage, mark: bytes, facts: list[Any], next_page: int, ops: list[Op]) -> bytes:
    """Write the step and that it was done. Empty: somebody else has done it."""
    facts[3] = next_page
    new = seal_plain(keys.IMPORT, facts)
    done = await storage.conditional_batch([(keys.IMPORT, mark)], [*ops, (keys.IMPORT, new)])
    return new if done else b""


async def _page(storage: Storage, page: int) -> list[Op] | None:
    key = keys.incoming(page)
    sealed = await storage.get(key)
    if sealed is None:
        return None
    body = codec.unseal(key, sealed)
    rows = dict(rows_of(body[0], body[1:]))  # of several rows with one key the last counts
    return [*rows.items(), (key, None)]


def _end(facts: list[Any]) -> list[Op]:
    _, name, _, _, store_id, generation, now_ms, made_ms = facts
    return [
        (keys.STORE, seal_plain(keys.STORE, [STORE_FORMAT, store_id])),
        (keys.RESTORED, seal_plain(keys.RESTORED, [generation, name, now_ms, made_ms])),
        (keys.EXPORTED, None),
        (keys.IMPORT, None),
    ]

"""Which store an engine gets: the browser's where it keeps what is written, else memory, and nobody is deceived."""

from __future__ import annotations

from weft_core.errors import StorageCapabilityError, StorageDeniedError, WeftError
from weft_core.machine.sealed import unseal_plain
from weft_core.model import keys
from weft_core.ports import Storage
from weft_core.storage.memory import MemoryStorage

from .storage import BridgeStorage

PROBE = "meta/probe"
_MARK = b"weft"


async def probe(storage: BridgeStorage) -> None:
    """Write, read and delete. ``StorageDeniedError``: nothing is kept here; other trouble is raised as it is."""
    await storage.put(PROBE, _MARK)
    if await storage.get(PROBE) != _MARK:
        raise StorageDeniedError(store=storage.kind, reason="what was written could not be read back")
    await storage.delete(PROBE)


async def chosen(storage: BridgeStorage, require_durable: bool) -> Storage:
    """The store itself. Only where the browser denies it, memory, or with ``require_durable`` StorageCapabilityError.

    A store that is merely in trouble is never exchanged: its runs wait for it (G17).
    """
    try:
        await probe(storage)
    except StorageDeniedError as denial:
        if not require_durable:
            return MemoryStorage()
        remedy = "allow this site to keep data, or open the page in an ordinary window"
        raise StorageCapabilityError(store=storage.kind, capability="durability", remedy=remedy) from denial
    return storage


async def position(storage: Storage) -> list[int] | None:
    """Epoch and number of the last commit, as the store has them; None if it cannot tell."""
    try:
        found = await storage.get(keys.OWNER)
        return list(unseal_plain(keys.OWNER, found)) if found is not None else None
    except WeftError:  # opening it, which comes next, says why
        return None

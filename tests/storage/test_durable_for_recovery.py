"""An engine refuses a store that cannot keep what it promises, and a program can ask before it opens one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from weft_core import Engine, assert_durable_storage_for_recovery
from weft_core.errors import StorageCapabilityError
from weft_core.ports import StorageCapabilities
from weft_core.storage import CompressedStorage, MemoryStorage, ScopedStorage
from weft_server.storage.sqlite import SQLiteStorage


class Lacking(MemoryStorage):
    """A store that says that it cannot do something."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    @property
    def capabilities(self) -> StorageCapabilities:
        return replace(super().capabilities, **{self.what: False})


@pytest.mark.parametrize("what", ["atomic_batch", "conditional_batch", "read_after_write"])
async def test_a_store_that_lacks_a_capability_is_refused_by_name_also_by_the_engine(what: str) -> None:
    with pytest.raises(StorageCapabilityError, match=what):
        assert_durable_storage_for_recovery(Lacking(what))
    with pytest.raises(StorageCapabilityError, match=what):
        await Engine(storage=Lacking(what)).open()


async def test_wrappers_of_a_durable_store_are_durable_too(tmp_path: Path) -> None:
    """Of the original's wrappers the compressed one could not back an idempotent start."""
    store = SQLiteStorage(tmp_path / "a.db")
    for each in (store, CompressedStorage(store), ScopedStorage(store, "app")):
        assert_durable_storage_for_recovery(each)
    await store.close()

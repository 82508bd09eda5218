"""Old stores, today's code: exports that released versions have written are opened, and their runs finish (G16)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.engine.invariants import Invariants
from tests.golden.story import HERE, KINDS, RESULTS, STEPS, program
from weft_core import Engine
from weft_core.codec.dump import FORMAT
from weft_core.engine import check_export, import_store
from weft_core.observe import StoreReader
from weft_core.ports import Storage
from weft_core.storage import MemoryStorage
from weft_server.storage.sqlite import SQLiteStorage

FILES = sorted(HERE.glob("format_*.weft"))
WAITS = {"signal", "sleep", "activity", "review", "child", "lock", "until", "group", "map"}
LIMIT_BYTES = 200_000


async def pieces(path: Path) -> AsyncIterator[bytes]:
    yield path.read_bytes()


def test_there_is_a_store_of_every_format() -> None:
    assert [path.name for path in FILES] == [f"format_{number}.weft" for number in range(1, FORMAT + 1)]
    assert max(path.stat().st_size for path in FILES) < LIMIT_BYTES


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_todays_code_finishes_the_runs_of_an_old_store(path: Path, kind: str, tmp_path: Path) -> None:
    storage: Storage = MemoryStorage() if kind == "memory" else SQLiteStorage(tmp_path / "old.db")
    header, trailer = await check_export(pieces(path))
    assert trailer.rows > 100 and header.store_format == 1
    await import_store(storage, pieces(path), name="golden", now_ms=header.made_ms)
    if isinstance(storage, MemoryStorage):
        Invariants().check(storage.rows())
    parked = program()
    reader = StoreReader(storage)
    waits = {wait["kind"] for run in KINDS for wait in (await reader.describe(run))["waiting_for"]}
    assert waits >= WAITS, WAITS - waits
    facts = json.loads(path.with_suffix(".json").read_text())
    async with Engine(
        storage=storage, workflows=[parked.parked, parked.helper], queues=[parked.one_at_a_time]
    ) as engine:
        for verb, run, name, payload in STEPS:
            await getattr(engine, verb)(run, name, payload)
        await engine.complete_async_activity(facts["token"], "from outside")
        await engine.submit_review(facts["review"], decision="approved", reviewer="ann")
        for run in KINDS:
            found = await asyncio.wait_for(engine.get_handle(run).result(), 20)
            assert found == RESULTS[run], run
        assert (await engine.describe_schedule("daily"))["status"] == "paused"
        assert (await engine.list(tags=["lock"])).items[0]["id"] == "lock"
        if isinstance(storage, MemoryStorage):
            Invariants().check(storage.rows())

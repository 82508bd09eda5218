"""G17: an unknown commit outcome is read back; passing trouble is waited out; lasting trouble stops the stepping."""

from __future__ import annotations

import pytest

from tests.engine import shop
from weft_core.errors import EngineDegradedError
from weft_core.storage import MemoryStorage
from weft_core.testing import FailingStorage, TestEngine, VirtualClock
from weft_core.testing.failing import Failure


@pytest.mark.parametrize("failure", ["unavailable", "quota", "unknown-committed", "unknown-lost"])
async def test_trouble_at_any_write_changes_nothing_of_a_checkout(failure: Failure) -> None:
    for fail_at in range(3, 14):
        shop.forget()
        storage = FailingStorage(MemoryStorage(), fail_at, failure)
        async with TestEngine(workflows=[shop.checkout], storage=storage) as engine:
            handle = await engine.start(shop.checkout, {"id": "o1", "total": 30})
            await engine.settle()
            await handle.signal("approval", {"ok": True})
            await engine.advance_time("5 days")
            assert await handle.result() == shop.CHECKOUT_RESULT
            assert set(shop.effects.values()) == {1}
            assert [e["seq"] for e in await handle.history()] == list(range(1, len(await handle.history()) + 1))


async def test_lasting_trouble_degrades_the_engine_which_acknowledges_nothing_more() -> None:
    rows, clock = MemoryStorage(), VirtualClock()
    storage = FailingStorage(rows)
    async with TestEngine(workflows=[shop.checkout], storage=storage, clock=clock) as engine:
        handle = await engine.start(shop.checkout, {"id": "o1", "total": 30}, id="r")
        await engine.settle()
        storage.fail_next_writes(1000)
        with pytest.raises(EngineDegradedError, match="simulated outage"):
            await handle.signal("approval", {"ok": True})
        assert engine.status == "degraded"
        with pytest.raises(EngineDegradedError):
            await engine.start(shop.checkout, {"id": "o2", "total": 30})
    async with TestEngine(workflows=[shop.checkout], storage=rows.reopen(), clock=clock) as engine:
        assert (await engine.describe("r"))["waiting_for"][0]["name"] == "approval"
        await engine.signal("r", "approval", {"ok": True})
        await engine.advance_time("5 days")
        assert await engine.get_handle("r").result() == shop.CHECKOUT_RESULT
        assert set(shop.effects.values()) <= {1, 2}


async def test_reads_that_fail_for_a_while_are_repeated() -> None:
    storage = FailingStorage(MemoryStorage())
    async with TestEngine(workflows=[shop.checkout], storage=storage) as engine:
        handle = await engine.start(shop.checkout, {"id": "o1", "total": 30})
        await engine.settle()
        await engine.crash_and_recover()
        storage.fail_next_reads(3)
        await handle.signal("approval", {"ok": True})
        assert (await handle.describe())["status"] == "running"

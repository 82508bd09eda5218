"""Crash at every write of a whole checkout, before and after the write took effect (G1, G2, G4, G12)."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Literal

import pytest

from tests.engine import shop
from weft_core.errors import RunExistsError, RunFinishedError
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine, VirtualClock

Mode = Literal["before", "after"]


class Scenario:
    """A user who starts a checkout, approves it, and waits, opening the engine again after every crash."""

    def __init__(self, crash_at: int, mode: Mode) -> None:
        self.rows = MemoryStorage()
        self.clock = VirtualClock()
        self.crash_at, self.mode = crash_at, mode
        self.crashes = 0
        self.writes = 0

    async def run(self) -> object:
        while True:
            storage = CrashingStorage(self.rows.reopen(), None if self.crashes else self.crash_at, self.mode)
            engine = TestEngine(workflows=[shop.checkout], storage=storage, clock=self.clock)
            try:
                await engine.open()
                return await self._use(engine)
            except SimulatedCrash:
                self.crashes += 1
            finally:
                self.writes = storage.writes
                await engine.crash()

    async def _use(self, engine: TestEngine) -> object:
        try:
            await engine.start(shop.checkout, {"id": "o1", "total": 30}, id="order-1")
        except RunExistsError:
            pass  # it was durable when the crash came
        await engine.settle()  # so that every run of the test makes the same writes
        await self._check(engine)
        handle = engine.get_handle("order-1")
        result = asyncio.ensure_future(handle.result())
        try:
            try:
                await engine.signal("order-1", shop.approval, {"ok": True}, signal_id="approved")
            except RunFinishedError:
                pass
            for _ in range(12):
                await self._check(engine)
                await engine.advance_time("8 hours")
                await self._check(engine)
            return await result
        finally:
            result.cancel()

    async def _check(self, engine: TestEngine) -> None:
        if engine.state != "open":
            assert engine.trouble is not None
            raise engine.trouble


async def plain_writes() -> int:
    shop.forget()
    scenario = Scenario(0, "before")
    assert await scenario.run() == shop.CHECKOUT_RESULT
    return scenario.writes


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_G1_G2_G4_a_checkout_survives_a_crash_at_every_write(mode: Mode) -> None:
    writes = await plain_writes()
    once = Counter(shop.trace)
    assert writes > 10
    for crash_at in range(1, writes + 1):
        shop.forget()
        scenario = Scenario(crash_at, mode)
        assert await scenario.run() == shop.CHECKOUT_RESULT, crash_at
        assert scenario.crashes == 1
        repeated = Counter(shop.trace) - once
        # what lies between two suspension points may run twice, and only if the crash fell there
        assert sum(repeated.values()) <= 1, (crash_at, shop.trace)
        assert not once - Counter(shop.trace)
        # at least once, and twice only for the attempt in flight
        assert sum(n - 1 for n in shop.effects.values()) <= 1, (crash_at, shop.effects)
        names = Counter(key.split(":")[0] for key in shop.effects)
        assert names == {"charge": 1, "decline": 1, "ship": 2}


async def test_nothing_of_a_finished_run_stays_but_its_record_and_its_log() -> None:
    shop.forget()
    scenario = Scenario(0, "before")
    await scenario.run()
    kinds = {key.split("/")[0] for key, _ in await scenario.rows.scan("", limit=10_000)}
    assert kinds == {"meta", "run", "log", "by-time", "code", "mail-id", "feed"}

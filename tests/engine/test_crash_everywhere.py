"""Crash at every write of a whole checkout, before and after the write took effect (G1, G2, G4, G12)."""

from __future__ import annotations

from collections import Counter

from tests.engine import shop
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine, assert_survives_every_crash

ORDER = {"id": "o1", "total": 30}


async def test_G1_G2_G4_a_checkout_survives_a_crash_at_every_write() -> None:
    once: Counter[str] = Counter()

    def check(result: object) -> None:
        assert result == shop.CHECKOUT_RESULT
        if not once:
            once.update(shop.trace)
        repeated = Counter(shop.trace) - once
        # what lies between two suspension points may run twice, and only if the crash fell there
        assert sum(repeated.values()) <= 1, shop.trace
        assert not once - Counter(shop.trace)
        # at least once, and twice only for the attempt in flight
        assert sum(n - 1 for n in shop.effects.values()) <= 1, shop.effects
        names = Counter(key.split(":")[0] for key in shop.effects)
        assert names == {"charge": 1, "decline": 1, "ship": 2}

    report = await assert_survives_every_crash(
        shop.checkout, ORDER, drive=[(shop.approval, {"ok": True})], check=check, reset=shop.forget
    )
    assert report.writes > 10
    assert report.crashes == 2 * report.writes


async def test_nothing_of_a_finished_run_stays_but_its_record_and_its_log() -> None:
    shop.forget()
    rows = MemoryStorage()
    async with TestEngine(workflows=[shop.checkout], storage=rows) as engine:
        handle = await engine.start(shop.checkout, ORDER)
        await handle.signal(shop.approval, {"ok": True}, signal_id="approved")
        assert await engine.run_to_end(handle) == shop.CHECKOUT_RESULT
    kinds = {key.split("/")[0] for key in rows.rows()}
    index = {"by-time", "by-state", "by-finished", "by-attribute"}
    assert kinds == {"meta", "run", "log", "code", "mail-id", "feed"} | index

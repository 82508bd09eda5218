"""G18: damage to any record is found, named, and stops at most the run that it belongs to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.engine import shop
from weft_core import Context, workflow
from weft_core.client import leave_signal
from weft_core.errors import WeftError
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine, VirtualClock

DAMAGE: dict[str, Callable[[bytes], bytes | None]] = {
    "a bit": lambda v: v[:-1] + bytes([v[-1] ^ 1]) if v else b"\x01",
    "its version": lambda v: v[:2] + b"\x63" + v[3:],
    "emptied": lambda v: b"",
    "lost": lambda v: None,
}


@workflow
async def busy(ctx: Context, what: str) -> Any:
    ctx.expose("what", what)
    if what == "sleep":
        await ctx.sleep(100)
    elif what == "group":
        await ctx.all([ctx.sleep(100), ctx.wait_for_signal("go")])
    elif what == "fail":
        raise ValueError(what)
    elif what == "activity":
        await ctx.run(shop.charge, "o", 1)
        await ctx.wait_for_signal("other")
        await ctx.wait_for_signal("go")
    return what


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    logging.getLogger("weft").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("weft").setLevel(logging.NOTSET)


async def store(clock: VirtualClock) -> dict[str, bytes]:
    rows = MemoryStorage()
    engine = TestEngine(workflows=[busy], storage=rows, clock=clock)
    await engine.open()
    for what in ("sleep", "group", "fail", "activity", "done"):
        await engine.start(busy, what, id=what)
    await engine.start(busy, "activity", idempotency_key="k")
    await engine.settle()
    for i in range(2):
        await engine.signal("activity", "go", i, signal_id=f"s{i}")
    await engine.start(busy, "sleep", id="healthy")
    await engine.settle()
    engine._parts.pump.attempts.start = lambda effect: None  # type: ignore[method-assign]
    await engine.start(busy, "activity", id="in-flight")
    await engine.crash()
    await leave_signal(rows.reopen(), engine._host.ids, "group", "go", 1)  # type: ignore[union-attr]
    return rows.rows()


RUNS = ("sleep", "group", "fail", "activity", "done", "in-flight")


async def use(engine: TestEngine, key: str = "") -> None:
    """Everything a user may do with each run that the key is about: an answer, or an error of ours."""
    for run_id in [r for r in RUNS if r in key.split("/")] or RUNS:
        for call in (
            engine.describe(run_id), engine.history(run_id), engine.frames(run_id), engine.query(run_id, "what"),
            engine.signal(run_id, "go", 1, signal_id="s0"), engine.signal(run_id, "other", 1), engine.resume(run_id),
            engine.start(busy, "activity", idempotency_key="k"), engine.list(), engine.feed(),
            anext(engine.tail(run_id), None),
        ):  # fmt: skip
            try:
                await asyncio.wait_for(call, 5)
            except WeftError:
                pass
            assert engine.status == "open"


@pytest.mark.parametrize("damage", DAMAGE)
async def test_G18_damage_to_any_record_stops_at_most_its_run(damage: str) -> None:
    clock = VirtualClock()
    rows = await store(clock)
    assert {key.split("/")[0] for key in rows} == {
        "meta", "run", "ckpt", "log", "mail", "mail-id", "idem", "timer", "active", "by-time", "code", "feed", "inbox",
        "by-state", "by-finished", "by-failure",
    }  # fmt: skip
    for key, value in rows.items():
        if "healthy" in key:
            continue
        broken = dict(rows)
        worse = DAMAGE[damage](value)
        if worse is None:
            del broken[key]
        else:
            broken[key] = worse
        engine = TestEngine(workflows=[busy], storage=MemoryStorage(broken), clock=VirtualClock(clock.now_ms()))
        try:
            await engine.open()
        except WeftError:
            assert key.startswith(("meta/", "code/")), key
            continue
        await use(engine, key)
        await engine.advance_time(200)
        assert engine.status == "open", key
        assert await engine.get_handle("healthy").result() == "sleep", key
        for run_id in ("sleep", "group", "activity", "in-flight"):
            try:
                await engine.cancel(run_id)
            except WeftError:
                pass
        await engine.settle()
        assert engine.status == "open", key
        await engine.close()


@pytest.mark.parametrize("key", ["active/nobody", "active/", "by-time/x", "by-time/zz/nobody", "mail/nobody/1", "junk",
                                 "log/healthy/zz", "mail/healthy/zz", "run/", "inbox/x", "feed/x",
                                 "feed/"])  # fmt: skip
async def test_G18_a_key_that_nobody_wrote_stops_no_run(key: str) -> None:
    clock = VirtualClock()
    rows = await store(clock)
    rows[key] = b"junk"
    async with TestEngine(workflows=[busy], storage=MemoryStorage(rows), clock=clock) as engine:
        await use(engine)
        await engine.advance_time(200)
        if "healthy" not in key:
            assert await engine.get_handle("healthy").result() == "sleep"
        assert engine.status == "open"


async def test_G18_a_run_whose_mail_is_damaged_can_be_cancelled() -> None:
    clock = VirtualClock()
    rows = await store(clock)
    key = next(key for key in rows if key.startswith("mail/activity/"))
    rows[key] = b"junk"
    memory = MemoryStorage(rows)
    async with TestEngine(workflows=[busy], storage=memory, clock=clock) as engine:
        with pytest.raises(WeftError):
            await engine.signal("activity", "other", 1)
        await engine.cancel("activity")
        assert (await engine.describe("activity"))["status"] == "cancelled"
    assert not [key for key in memory.rows() if key.startswith(("mail/activity/", "ckpt/activity", "active/activity"))]

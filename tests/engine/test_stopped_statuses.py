"""A run that is pending, suspended or needs attention, and cannot be loaded: it is held, and is again what it was once
its code is there."""

from __future__ import annotations

import pytest

from tests.engine.invariants import Invariants
from weft_core import Context, RetryPolicy, activity, workflow
from weft_core.errors import RunHeldError, RunTimedOutError
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine, VirtualClock

said: list[str] = []
broken: set[str] = set()


@activity(retry=RetryPolicy(max_attempts=1))
async def say(word: str) -> str:
    said.append(word)
    if word in broken:
        raise ValueError(word)
    return word


@workflow
async def parcel(ctx: Context) -> str:
    await ctx.run(say, "packed")
    got: str = await ctx.wait_for_signal("go")
    await ctx.run(say, got)
    return got


@workflow
async def trip(ctx: Context) -> str:
    async with ctx.saga() as saga:
        saga.add(ctx.run(say, "refund"))
        await ctx.run(say, "no seat")
    return "there"


@workflow
async def forgiving(ctx: Context) -> str:
    try:
        async with ctx.saga() as saga:
            saga.add(ctx.run(say, "refund"))
            await ctx.run(say, "no seat")
    except ValueError:
        return "at home"
    return "there"


@workflow
async def other(ctx: Context) -> None: ...


@pytest.fixture(autouse=True)
def _forget() -> None:
    said.clear()
    broken.clear()


def rows_of(engine: TestEngine) -> dict[str, bytes]:
    assert isinstance(engine.storage, MemoryStorage)
    return engine.storage.rows()


class World:
    """One store, opened by engines with the code and without it."""

    def __init__(self) -> None:
        self.rows, self.clock = MemoryStorage(), VirtualClock()

    def engine(self, *workflows: object) -> TestEngine:
        self.rows = self.rows.reopen()
        return TestEngine(workflows=[*workflows], storage=self.rows, clock=self.clock)  # type: ignore[list-item]


async def test_a_suspended_run_whose_code_is_gone_for_a_while_is_suspended_again_and_not_lost() -> None:
    world = World()
    async with world.engine(parcel) as engine:
        await engine.start(parcel, id="p")
        await engine.settle()
        await engine.suspend("p")
        await engine.signal("p", "go", "sent")
        await engine.settle()
    async with world.engine(other) as engine:
        await engine.signal("p", "go", "again")
        with pytest.raises(RunHeldError):
            await engine.query("p", "")
        info = await engine.describe("p")
        assert (info["status"], info["error"]["code"]) == ("held", "WorkflowNotRegisteredError")
        Invariants().check(rows_of(engine))
    async with world.engine(parcel) as engine:
        await engine.settle()
        info = await engine.describe("p")
        assert (info["status"], info["error"]) == ("suspended", None), "a person had suspended it"
        assert said == ["packed"]
        await engine.resume("p")
        assert await engine.run_to_end(engine.get_handle("p")) == "sent"
        assert said == ["packed", "sent"]
        Invariants().check(rows_of(engine))


async def test_a_pending_run_whose_code_is_gone_when_its_time_comes_begins_when_it_is_back() -> None:
    world = World()
    async with world.engine(parcel) as engine:
        await engine.start(parcel, id="p", delay="1 hour", execution_timeout="1 day")
    async with world.engine(other) as engine:
        await engine.advance_time("2 hours")
        assert (await engine.describe("p"))["status"] == "held"
        Invariants().check(rows_of(engine))
    async with world.engine(parcel) as engine:
        await engine.settle()
        assert (await engine.describe("p"))["status"] == "running"
        assert said == ["packed"]
        await engine.advance_time("1 day")
        with pytest.raises(RunTimedOutError):
            await engine.get_handle("p").result()
        Invariants().check(rows_of(engine))


async def test_a_pending_run_that_was_held_before_its_time_is_pending_again() -> None:
    world = World()
    async with world.engine(parcel) as engine:
        await engine.start(parcel, id="p", delay="1 hour")
    async with world.engine(other) as engine:
        with pytest.raises(RunHeldError):
            await engine.query("p", "")
    async with world.engine(parcel) as engine:
        await engine.settle()
        info = await engine.describe("p")
        assert (info["status"], info["error"], said) == ("pending", None, [])
        await engine.advance_time("1 hour")
        assert said == ["packed"]
        Invariants().check(rows_of(engine))


async def test_G14_a_run_that_needs_attention_needs_it_still_after_it_was_held() -> None:
    world = World()
    broken.update({"no seat", "refund"})
    async with world.engine(trip) as engine:
        await engine.start(trip, id="t")
        await engine.settle()
        assert (await engine.describe("t"))["status"] == "needs_attention"
    async with world.engine(other) as engine:
        with pytest.raises(RunHeldError):
            await engine.query("t", "")
        assert (await engine.describe("t"))["status"] == "held"
    broken.clear()
    async with world.engine(trip) as engine:
        await engine.settle()
        assert (await engine.describe("t"))["status"] == "needs_attention"
        await engine.resume("t")
        await engine.settle()
        assert said.count("refund") == 2
        info = await engine.describe("t")
        assert (info["status"], info["error"]["message"]) == ("failed", "no seat"), (
            "not what the compensation failed with"
        )
        Invariants().check(rows_of(engine))


async def test_a_rewound_run_whose_code_is_gone_for_a_while_begins_nothing_before_it_is_resumed() -> None:
    world = World()
    broken.add("sent")
    async with world.engine(parcel) as engine:
        await engine.start(parcel, id="p")
        await engine.settle()
        await engine.suspend("p")
        await engine.rewind("p", to=1)
    async with world.engine(other) as engine:
        with pytest.raises(RunHeldError):
            await engine.query("p", "")
    async with world.engine(parcel) as engine:
        await engine.settle()
        assert (await engine.describe("p"))["status"] == "suspended"


async def test_a_run_that_completes_after_it_needed_attention_has_no_error() -> None:
    broken.update({"no seat", "refund"})
    async with TestEngine(workflows=[forgiving]) as engine:
        handle = await engine.start(forgiving, id="f")
        await engine.settle()
        assert (await handle.describe())["status"] == "needs_attention"
        broken.clear()
        await handle.resume()
        assert await handle.result() == "at home"
        info = await handle.describe()
        assert (info["status"], info["error"]) == ("completed", None)
        assert not (await engine.list(failure="ValueError")).items
        Invariants().check(rows_of(engine))

"""mock(): what an activity answers, and how it was called."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing import bakery
from weft_core.errors import ActivityNotRegisteredError, DefinitionError, RunFailedError
from weft_core.testing import TestEngine

PAY = (bakery.paid, 12)


async def pay(engine: TestEngine, handle: Any) -> None:
    await handle.signal(bakery.paid, 12, signal_id="payment")


async def test_a_mock_answers_for_an_activity_and_records_every_call() -> None:
    async with TestEngine(workflows=[bakery.order]) as engine:
        baking = engine.mock(bakery.bake, lambda cake: f"fake {cake}")
        delivering = engine.mock("deliver").returns("left at the door")
        assert await engine.run(bakery.order, "plum", drive=pay) == {
            "amount": 12, "delivered": "left at the door", "extra": "fake small",
        }  # fmt: skip
        assert [call.args for call in baking.calls] == [("plum",), ("small",)]
        assert baking.call_count == 2 and delivering.call_count == 1
        assert delivering.last_call is not None
        assert delivering.last_call.args == ("fake plum",)
        assert delivering.last_call.info.attempt == 1
        assert engine.mocks == {"bake": baking, "deliver": delivering}
        assert bakery.effects == {}


async def test_answers_for_once_come_before_the_standing_one_and_a_failure_is_retried() -> None:
    async with TestEngine(workflows=[bakery.order]) as engine:
        baking = engine.mock(bakery.bake).raises_once(OSError("cold oven")).returns_once("best").returns("usual")
        result = await engine.run(bakery.order, "plum", drive=pay)
        assert result == {"amount": 12, "delivered": "best at Main St", "extra": "usual"}
        assert [call.info.attempt for call in baking.calls] == [1, 2, 1]
        assert [call.info.idempotency_key for call in baking.calls[:2]].count(baking.calls[0].info.idempotency_key) == 2


async def test_a_mock_that_raises_fails_the_run_once_its_attempts_are_used_up() -> None:
    async with TestEngine(workflows=[bakery.order]) as engine:
        baking = engine.mock(bakery.bake).raises(OSError("no flour"))
        with pytest.raises(RunFailedError, match="no flour"):
            await engine.run(bakery.order, "plum", drive=pay)
        assert baking.call_count == 5


async def test_a_mock_that_was_told_nothing_says_so_at_its_first_call() -> None:
    async with TestEngine(workflows=[bakery.order]) as engine:
        baking = engine.mock(bakery.bake)
        with pytest.raises(RunFailedError, match=r"use returns\(\), raises\(\) or replace\(\)"):
            await engine.run(bakery.order, "plum", drive=pay)
        assert baking.call_count == 1


async def test_replace_reset_and_restore() -> None:
    async with TestEngine(workflows=[bakery.order]) as engine:
        baking = engine.mock(bakery.bake).returns("first").raises_once(OSError())

        async def second(cake: str) -> str:
            return "second"

        baking.reset().replace(second)
        assert (await engine.run(bakery.order, "plum", drive=pay))["extra"] == "second"
        assert baking.call_count == 2
        assert baking.reset().last_call is None
        baking.restore()
        assert dict(engine.mocks) == {}
        assert (await engine.run(bakery.order, "plum", drive=pay))["extra"] == "small cake"
        assert baking.calls == []
    bakery.forget()


async def test_a_mock_of_the_functions_own_is_a_spy_and_a_later_mock_takes_its_place() -> None:
    async with TestEngine(workflows=[bakery.order]) as engine:
        spy = engine.mock(bakery.bake, bakery.bake.fn)
        assert (await engine.run(bakery.order, "plum", drive=pay))["extra"] == "small cake"
        assert spy.call_count == 2
        later = engine.mock(bakery.bake).returns("x")
        await engine.run(bakery.order, "plum", drive=pay)
        assert (spy.call_count, later.call_count) == (2, 2)
    bakery.forget()


async def test_a_mock_outlives_a_crash_as_the_world_outside_does() -> None:
    async with TestEngine(workflows=[bakery.order]) as engine:
        baking = engine.mock(bakery.bake).returns("pie")
        handle = await engine.start(bakery.order, "plum")
        await engine.crash_and_recover()
        await pay(engine, handle)
        assert (await engine.run_to_end(handle))["extra"] == "pie"
        assert baking.call_count == 2


async def test_an_unknown_activity_is_refused() -> None:
    async with TestEngine(workflows=[bakery.order]) as engine:
        with pytest.raises(ActivityNotRegisteredError, match="'bakee'"):
            engine.mock("bakee", lambda cake: cake)
        assert dict(engine.mocks) == {}


@pytest.mark.parametrize("fake", [lambda: "", lambda cake, oven: "", "pie"], ids=["too few", "too many", "no function"])
async def test_a_fake_that_cannot_be_called_as_the_activity_is_refused_before_it_is_called(fake: Any) -> None:
    async with TestEngine(workflows=[bakery.order]) as engine:
        with pytest.raises(DefinitionError, match="fake of activity bake"):
            engine.mock(bakery.bake, fake)
        with pytest.raises(DefinitionError, match="fake of activity bake"):
            engine.mock(bakery.bake).returns("x").replace(fake)


@pytest.mark.parametrize("fake", [lambda *a: "", lambda cake, oven=1: "", str], ids=["star", "default", "class"])
async def test_a_fake_may_take_more_than_the_activity(fake: Any) -> None:
    async with TestEngine(workflows=[bakery.order]) as engine:
        assert engine.mock(bakery.bake, fake).call_count == 0

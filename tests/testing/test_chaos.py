"""with_chaos and Chaos: faults that repeat with their seed and that are known to have happened.

The original's chaos knows activities only: no engine crash, no storage fault, no duplicate delivery; its timeouts and
delays really sleep.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.testing import bakery
from weft_core import Context, WorkflowHandle, activity, workflow
from weft_core.errors import (
    ChaosError,
    ChaosTimeoutError,
    ChaosTransientError,
    InvalidInputError,
    RunFailedError,
    TestingError,
)  # fmt: skip
from weft_core.machine.turn import Turn
from weft_core.model.messages import ActivityOutcome
from weft_core.testing import Chaos, TestEngine, with_chaos

RESULT = {"amount": 12, "delivered": "plum cake at Main St", "extra": "small cake"}


@pytest.fixture(autouse=True)
def forget() -> None:
    bakery.forget()


async def pay(engine: TestEngine, handle: WorkflowHandle) -> None:
    await handle.signal(bakery.paid, 12, signal_id="payment")


# -- activities


async def test_transient_faults_come_before_the_call_and_are_retried_in_virtual_time() -> None:
    async with TestEngine(workflows=[bakery.order]) as engine:
        flaky = with_chaos(bakery.bake, rate=0.5, faults=["transient"], seed=2)
        baking = engine.mock(bakery.bake, flaky)
        assert await engine.run(bakery.order, "plum", drive=pay) == RESULT
        flaky.assert_happened("transient")
        assert baking.call_count == 2 + flaky.counts["transient"]
        assert sum(bakery.effects.values()) == 2 + 1  # and the parcel


async def test_G5_a_timeout_loses_the_answer_of_an_effect_that_took_place() -> None:
    async with TestEngine(workflows=[bakery.order]) as engine:
        baking = engine.mock(bakery.bake, bakery.bake.fn)
        chaos = with_chaos(baking, rate=0.5, faults=["timeout"], seed=2)
        assert await engine.run(bakery.order, "plum", drive=pay) == RESULT
        chaos.assert_happened()
        assert sum(bakery.effects.values()) == 3 + chaos.counts["timeout"]
        assert len(bakery.effects) == 3  # one key for each effect


async def test_an_error_is_final() -> None:
    async with TestEngine(workflows=[bakery.order]) as engine:
        baking = engine.mock(bakery.bake).returns("cake")
        chaos = with_chaos(baking, rate=1, faults=["error"])
        with pytest.raises(RunFailedError) as failed:
            await engine.run(bakery.order, "plum", drive=pay)
        assert type(failed.value.__cause__) is ChaosError
        assert baking.call_count == chaos.counts["error"] == 1


async def test_a_delayed_outcome_comes_after_those_of_its_siblings_and_nothing_sleeps() -> None:
    order: list[str] = []

    async with TestEngine(workflows=[siblings]) as engine:
        late = with_chaos(note, rate=1, faults=["delay"])
        engine.mock(note, lambda who: late(who) if who == "late" else who)
        unsubscribe = engine.subscribe(lambda event: order.append(str(event.get("result"))))
        assert await engine.run(siblings) == ["late", "soon"]
        unsubscribe()
        late.assert_happened("delay")


@activity
async def note(who: str) -> str:
    return who


@workflow
async def siblings(ctx: Context) -> Any:
    return await ctx.all([ctx.run(note, "late"), ctx.run(note, "soon")])


async def test_the_same_seed_gives_the_same_faults_and_another_gives_others() -> None:
    async def faults(seed: int) -> Counter[str]:
        async with TestEngine(workflows=[bakery.order]) as engine:
            chaos = with_chaos(engine.mock(bakery.bake).returns("x"), rate=0.5, seed=seed)
            for n in range(10):
                try:
                    await engine.run(bakery.order, "plum", drive=pay)
                except RunFailedError:
                    pass
            return chaos.counts

    assert await faults(1) == await faults(1) != await faults(2)


async def test_a_fault_that_never_happened_is_no_pass() -> None:
    chaos = with_chaos(bakery.bake, rate=0, faults=["timeout", "error"])
    with pytest.raises(AssertionError, match="never happened: timeout, error"):
        chaos.assert_happened()
    with pytest.raises(AssertionError, match="never happened: storage_fault; with seed 5"):
        Chaos(engine_crash=0.5, storage_fault=0.5, seed=5).assert_happened("storage_fault")


@pytest.mark.parametrize("wrong", [{"rate": 1.5}, {"rate": True}, {"faults": ["sleep"]}, {"faults": []}])
def test_what_chaos_cannot_do_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        with_chaos(bakery.bake, **wrong)


def test_only_activities_mocks_and_engines_have_chaos() -> None:
    with pytest.raises(InvalidInputError, match="no activity, no mock and no TestEngine"):
        with_chaos("bake")  # type: ignore[call-overload]


def test_chaos_errors_say_whether_another_attempt_is_worth_it() -> None:
    final = [bool(cls.non_retryable) for cls in (ChaosError, ChaosTransientError, ChaosTimeoutError)]
    assert final == [True, False, False]
    assert issubclass(ChaosTimeoutError, TimeoutError)


# -- the engine


async def test_G1_G4_G7_G10_G12_G17_a_run_survives_crashes_outages_and_everything_told_twice() -> None:
    """The original's chaos has none of these faults."""
    total: Counter[str] = Counter()
    for seed in range(40):
        bakery.forget()
        chaos = Chaos(engine_crash=0.1, storage_fault=0.1, duplicate_delivery=0.4, seed=seed)
        async with TestEngine(workflows=[bakery.order], chaos=chaos) as engine:
            assert await engine.run(bakery.order, "plum", drive=pay) == RESULT, seed
        assert len(bakery.effects) == 3, seed
        cut_off = chaos.counts["engine_crash"] + chaos.counts["storage_fault"]
        assert sum(bakery.effects.values()) <= 3 + 2 * cut_off, seed
        total += chaos.counts
    kinds = {"engine_crash", "storage_fault", "duplicate_signal", "duplicate_outcome", "duplicate_timer"}
    assert kinds <= set(total), total


async def test_what_comes_twice_has_one_effect() -> None:
    engine = TestEngine(workflows=[bakery.order])
    chaos = with_chaos(engine, rate=1, faults=["duplicate_delivery"])
    async with engine:
        handle = await engine.start(bakery.order, "plum")
        await pay(engine, handle)
        assert await engine.run_to_end(handle) == RESULT
        events = Counter(event["type"] for event in await handle.history())
    assert events["signal_received"] == events["signal_consumed"] == 1
    assert events["activity_completed"] == 3
    chaos.assert_happened("duplicate_signal", "duplicate_outcome", "duplicate_timer")
    assert set(bakery.effects.values()) == {1}


async def test_it_finds_an_engine_that_takes_an_outcome_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of an engine: it does not look whether an outcome is of the step that the run waits for."""
    deliver = Turn.deliver

    def gullible(turn: Turn, message: Any) -> None:
        task = turn.run.tasks.get(message.task) if isinstance(message, ActivityOutcome) else None
        if task is not None:
            message.step = task.step
        deliver(turn, message)

    monkeypatch.setattr(Turn, "deliver", gullible)
    async with TestEngine(workflows=[counting], chaos=Chaos(duplicate_delivery=1)) as engine:
        assert await engine.run(counting) != ["a", "b", "c"]


@workflow
async def counting(ctx: Context) -> list[str]:
    return [await ctx.run(note, "a"), await ctx.run(note, "b"), await ctx.run(note, "c")]


async def test_an_engine_that_dies_at_every_write_gets_on_when_the_crashes_are_used_up() -> None:
    chaos = Chaos(engine_crash=1, at_most=20)
    async with TestEngine(workflows=[bakery.order], chaos=chaos) as engine:
        assert await engine.run(bakery.order, "plum", drive=pay, id="the-order") == RESULT
        assert chaos.counts["engine_crash"] == 20
        assert (await engine.describe("the-order"))["status"] == "completed"


async def test_a_store_that_is_away_for_long_degrades_the_engine_and_it_is_opened_again() -> None:
    chaos = Chaos(storage_fault=0.8, at_most=60)
    async with TestEngine(workflows=[bakery.order], chaos=chaos) as engine:
        assert await engine.run(bakery.order, "plum", drive=pay) == RESULT
    chaos.assert_happened("storage_fault")


async def test_an_error_of_the_test_is_not_taken_for_a_crash() -> None:
    async def wrong(engine: TestEngine, handle: WorkflowHandle) -> None:
        raise LookupError("a bug in the test")

    async with TestEngine(workflows=[bakery.order], chaos=Chaos(engine_crash=0.05)) as engine:
        with pytest.raises(LookupError, match="a bug in the test"):
            await engine.run(bakery.order, "plum", drive=wrong)


async def test_chaos_comes_before_the_engine_is_opened() -> None:
    async with TestEngine(workflows=[bakery.order]) as engine:
        with pytest.raises(TestingError, match="before the engine is opened"):
            with_chaos(engine)

"""``engine.rewind``: a run is put back to a retained checkpoint, in place, and goes on with the work before it kept."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

import pytest

from tests.engine import repairing
from tests.engine.invariants import Invariants
from tests.engine.repairing import broken, effects, forget, note, result, rows_of, travel, trip, used_keys
from weft_core import Context, workflow
from weft_core.errors import (
    CheckpointNotFoundError,
    CodeChangedError,
    InvalidInputError,
    RunFailedError,
    RunNotFoundError,
    RunNotParkedError,
)
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine


@pytest.fixture(autouse=True)
def _forget() -> None:
    forget()


async def events(engine: TestEngine, kind: str, run_id: str = "t") -> list[dict[str, Any]]:
    return [e for e in await engine.history(run_id) if e["type"] == kind]


async def test_a_failed_run_is_tried_again_from_its_last_good_step() -> None:
    async with TestEngine(workflows=[trip]) as engine:
        broken.add("car")
        await travel(engine, "a")
        await engine.advance_time("2 hours")
        with pytest.raises(RunFailedError):
            await engine.get_handle("t").result()
        Invariants().check(rows_of(engine))
        before = Counter(effects)
        broken.clear()
        await engine.rewind("t", to=6, reason="the garage was closed", by="ann")
        Invariants().check(rows_of(engine))
        info = await engine.describe("t")
        assert (info["status"], info["steps"], info["error"], info["finished_at"]) == ("suspended", 6, None, None)
        await engine.settle()
        assert effects == before, "nothing begins before it is resumed"
        await engine.resume("t")
        await engine.settle()
        assert await engine.get_handle("t").result() == result("a")
        assert effects - before == {"car": 1, "bus": 1}, "only what comes after the step runs again"
        (told,) = await events(engine, "run_rewound")
        assert (told["from_step"], told["to_step"], told["from_status"]) == (9, 6, "failed")
        assert (told["reason"], told["by"]) == ("the garage was closed", "ann")
        Invariants().check(rows_of(engine))


async def test_G5_activities_that_run_again_have_new_idempotency_keys_and_steps_of_their_own() -> None:
    async with TestEngine(workflows=[trip]) as engine:
        await travel(engine, "a")
        await engine.suspend("t")
        await engine.rewind("t", to=0)
        await engine.resume("t")
        await engine.settle()
        await engine.advance_time("1 hour")
        assert await engine.get_handle("t").result() == result("a")
        assert effects == {"flight": 2, "hotel": 2, "car": 1, "bus": 1}
        keys = [key for _, key in used_keys]
        assert len(set(keys)) == len(keys)
        done = await events(engine, "activity_completed")
        assert len({e["step"] for e in done}) == len(done) == 6
        assert [e["seq"] for e in await engine.history("t")] == list(range(1, len(await engine.history("t")) + 1))


async def test_G7_signals_that_were_consumed_since_are_in_the_mailbox_again_in_their_order() -> None:
    async with TestEngine(workflows=[trip]) as engine:
        await engine.start(trip, 3, id="t")
        await engine.settle()
        for text in ("a", "b"):
            await engine.signal("t", note, text)
        await engine.suspend("t")
        await engine.rewind("t", to=2)
        await engine.crash_and_recover()
        Invariants().check(rows_of(engine))
        await engine.signal("t", note, "c")
        await engine.resume("t")
        await engine.advance_time("1 hour")
        assert await engine.get_handle("t").result() == result("a", "b", "c")
        Invariants().check(rows_of(engine))


@workflow(retain_checkpoints=9)
async def either(ctx: Context) -> list[Any]:
    """A race whose loser had a signal that goes back to the mailbox (G7)."""
    key, first = await ctx.race({"both": ctx.all([ctx.wait_for_signal("x"), ctx.wait_for_signal("y")]),
                                 "time": ctx.sleep("1 hour")})  # fmt: skip
    await ctx.sleep("1 hour")
    return [key, first, await ctx.wait_for_signal("x")]


async def test_G7_a_signal_that_was_given_back_since_is_where_it_was() -> None:
    async with TestEngine(workflows=[either]) as engine:
        await engine.start(either, id="t")
        await engine.settle()
        await engine.signal("t", "x", 1)
        at = (await engine.checkpoints("t"))[0]["step"]
        await engine.advance_time("1 hour")
        await engine.suspend("t")
        assert len([key for key in rows_of(engine) if key.startswith("mail/")]) == 1
        await engine.rewind("t", to=at)
        Invariants().check(rows_of(engine))
        assert not [key for key in rows_of(engine) if key.startswith("mail/")], "the branch has it"
        await engine.signal("t", "y", 2)
        await engine.signal("t", "x", 3)
        await engine.resume("t")
        Invariants().check(rows_of(engine))
        await engine.advance_time("2 hours")
        assert (await engine.get_handle("t").result())[2] in (1, 3)
        Invariants().check(rows_of(engine))


async def test_attributes_and_variables_are_those_of_then() -> None:
    async with TestEngine(workflows=[trip]) as engine:
        await travel(engine, "a")
        await engine.suspend("t")
        assert (await engine.describe("t"))["attributes"] == {"stage": "noted"}
        await engine.rewind("t", to=2)
        assert (await engine.describe("t"))["attributes"] == {"stage": "flown"}
        shown = (await engine.frames("t"))["tasks"][0]["frames"]
        assert {v["name"]: v["text"] for v in shown[0]["locals"]}["total"] == "100"


async def test_attempts_in_flight_are_stopped_and_their_outcome_is_not_wanted() -> None:
    import asyncio

    gate = asyncio.Event()

    async def slow(name: str) -> str:
        effects[name] += 1
        await gate.wait()
        return f"{name} {effects[name]}"

    async with TestEngine(workflows=[trip]) as engine:
        engine.mock("act", slow)
        await engine.start(trip, 0, id="t")
        for _ in range(5):
            await asyncio.sleep(0)
        await engine.suspend("t")
        await engine.rewind("t", to=0)
        gate.set()
        await engine.settle()
        assert effects == {"flight": 1}
        await engine.resume("t")
        await engine.settle()
        assert effects == {"flight": 2, "hotel": 1}
        await engine.advance_time("1 hour")
        assert (await engine.get_handle("t").result())["all"][0] == "flight 2"


async def test_a_rewound_run_waits_to_be_resumed_over_crashes_and_closes() -> None:
    async with TestEngine(workflows=[trip]) as engine:
        await travel(engine)
        await engine.suspend("t")
        await engine.rewind("t", to=3)
        for _ in range(2):
            await engine.crash_and_recover()
            assert effects == {"flight": 1, "hotel": 1}
            assert (await engine.describe("t"))["status"] == "suspended"
        Invariants().check(rows_of(engine))
        await engine.resume("t")
        await engine.settle()
        assert effects == {"flight": 1, "hotel": 2}


@pytest.mark.parametrize("end", ["cancel", "terminate"])
async def test_a_run_that_was_ended_by_hand_can_be_brought_back(end: str) -> None:
    async with TestEngine(workflows=[trip]) as engine:
        await travel(engine, "a")
        await getattr(engine, end)("t", "a mistake")
        await engine.settle()
        assert (await engine.describe("t"))["finished_at"] is not None
        await engine.rewind("t", to=5)
        assert not (await engine.describe("t"))["cancel_requested"]
        await engine.resume("t")
        await engine.advance_time("1 hour")
        assert await engine.get_handle("t").result() == result("a")
        Invariants().check(rows_of(engine))


async def test_a_run_that_timed_out_goes_on_without_its_execution_timeout() -> None:
    async with TestEngine(workflows=[trip]) as engine:
        await engine.start(trip, 0, id="t", execution_timeout="30 minutes")
        await engine.advance_time("1 hour")
        assert (await engine.describe("t"))["status"] == "timed_out"
        await engine.rewind("t", to=4)
        await engine.resume("t")
        await engine.advance_time("1 hour")
        assert await engine.get_handle("t").result() == result()
        Invariants().check(rows_of(engine))


async def test_what_cannot_be_rewound_is_refused_with_what_to_do() -> None:
    async with TestEngine(workflows=[trip]) as engine:
        await travel(engine, "a")
        before = rows_of(engine)
        with pytest.raises(RunNotParkedError, match=r"is running.*suspend it first"):
            await engine.rewind("t", to=2)
        with pytest.raises(RunNotFoundError):
            await engine.rewind("nobody", to=2)
        with pytest.raises(InvalidInputError):
            await engine.rewind("t", to="2")  # type: ignore[arg-type]
        assert {k: v for k, v in rows_of(engine).items() if k != "meta/owner"} == {
            k: v for k, v in before.items() if k != "meta/owner"
        }
        await engine.suspend("t")
        with pytest.raises(CheckpointNotFoundError, match=r"there are: \[0, 2, 4, 5\]"):
            await engine.rewind("t", to=3)
        await engine.resume("t")
        await engine.advance_time("1 hour")
        with pytest.raises(RunNotParkedError, match=r"is completed.*fork it"):
            await engine.rewind("t", to=2)


async def test_a_dead_run_whose_checkpoint_is_damaged_goes_on_from_the_one_before() -> None:
    storage = MemoryStorage()
    async with TestEngine(workflows=[trip], storage=storage) as engine:
        await travel(engine, "a")
    data = await storage.get("ckpt/t") or b""
    await storage.put("ckpt/t", data[:-1] + bytes((data[-1] ^ 1,)))
    async with TestEngine(workflows=[trip], storage=storage) as engine:
        await engine.signal("t", note, "spare")
        assert (await engine.describe("t"))["status"] == "dead"
        await engine.rewind("t", to=4)
        Invariants().check(storage.rows())
        await engine.resume("t")
        await engine.advance_time("1 hour")
        assert await engine.get_handle("t").result() == result("a")
        Invariants().check(storage.rows())


async def test_a_run_whose_code_no_longer_fits_is_left_as_it_is() -> None:
    storage = MemoryStorage()
    async with TestEngine(workflows=[trip], storage=storage) as engine:
        await travel(engine, "a")
        await engine.suspend("t")

    async def another(ctx: Context, notes: int) -> None:
        await ctx.sleep("1 day")

    changed = workflow(name="trip")(another)
    before = storage.rows()
    async with TestEngine(workflows=[changed], storage=storage, recover=False) as engine:
        with pytest.raises(CodeChangedError):
            await engine.rewind("t", to=2)
    kept = {k: v for k, v in storage.rows().items() if not k.startswith(("meta/", "code/"))}
    assert kept == {k: v for k, v in before.items() if not k.startswith(("meta/", "code/"))}


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_G1_G12_a_crash_at_any_write_of_a_rewind_leaves_it_done_or_not_begun(
    mode: Literal["before", "after"],
) -> None:
    async def prepare(engine: TestEngine) -> None:
        await travel(engine, "a", "b")
        await engine.suspend("t")

    async def use(engine: TestEngine) -> None:
        if not await events(engine, "run_rewound"):
            await engine.rewind("t", to=2)
        if (await engine.describe("t"))["status"] == "suspended":
            await engine.resume("t")
        await engine.settle()
        await engine.advance_time("2 hours")

    async def judge(engine: TestEngine) -> None:
        assert await engine.get_handle("t").result() == result("a", "b")
        assert len(await events(engine, "run_rewound")) == 1
        assert effects["flight"] == 1, "what came before the step is kept"
        assert sum(effects.values()) <= 1 + 2 + 2 + 2, "at most what was in flight is repeated: two cars"

    assert await repairing.crash_everywhere(prepare, use, judge, mode) > 5

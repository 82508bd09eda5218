"""``engine.fork``: a new run that stands where another one stood.

The original's fork hydrates cached results and runs the function again from its top; ours goes on at the line.
"""

from __future__ import annotations

from typing import Literal

import pytest

from tests.engine import repairing
from tests.engine.invariants import Invariants
from tests.engine.repairing import act, effects, forget, note, result, rows_of, travel, trip, used_keys
from weft_core import Context, workflow
from weft_core.errors import (
    CheckpointNotFoundError,
    EditError,
    IdempotencyKeyConflictError,
    NotSerializableError,
    RunExistsError,
    RunNotFoundError,
    VersionNotRegisteredError,
)
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine


@pytest.fixture(autouse=True)
def _forget() -> None:
    forget()


async def test_a_fork_goes_on_from_where_its_run_stands_and_both_end_the_same() -> None:
    async with TestEngine(workflows=[trip]) as engine:
        await travel(engine, "a", "b")
        handle = await engine.fork("t", id="f")
        assert handle.id == "f"
        info = await engine.describe("f")
        assert (info["status"], info["steps"]) == ("running", 6)
        assert effects == {"flight": 1, "hotel": 1}, "nothing before the fork runs again"
        Invariants().check(rows_of(engine))
        await engine.advance_time("59 minutes")
        assert effects == {"flight": 1, "hotel": 1}
        await engine.advance_time("1 minute")
        assert await handle.result() == await engine.get_handle("t").result() == result("a", "b")
        assert effects == {"flight": 1, "hotel": 1, "car": 2, "bus": 2}
        keys = [key for name, key in used_keys if name == "car"]
        assert len(set(keys)) == 2, "G5: its own run, its own idempotency keys"
        first = (await engine.history("f"))[0]
        assert (first["type"], first["forked_from"], first["at_step"]) == ("run_forked", "t", 6)
        assert (await engine.header("f")).lineage == {"forked_from": "t", "at": 6}
        Invariants().check(rows_of(engine))


async def test_every_retained_checkpoint_of_a_finished_run_can_be_forked_with_its_mailbox_of_then() -> None:
    async with TestEngine(workflows=[trip]) as engine:
        await travel(engine, "a", "b")
        await engine.advance_time("1 hour")
        ended = await engine.get_handle("t").result()
        steps = [c["step"] for c in await engine.checkpoints("t")]
        assert steps == [8, 7, 6, 5, 3, 2, 0]
        for step in steps:
            fork = await engine.fork("t", at=step, id=f"f{step}")
            await engine.settle()
            Invariants().check(rows_of(engine))
            for text in {0: "ab", 2: "ab", 3: "b"}.get(step, ""):
                await engine.signal(fork.id, note, text)
            await engine.advance_time("1 hour")
            assert await fork.result() == ended, step
        assert await engine.get_handle("t").result() == ended
        Invariants().check(rows_of(engine))


async def test_signals_that_were_buffered_then_are_buffered_in_the_fork() -> None:
    async with TestEngine(workflows=[waits_twice]) as engine:
        await engine.start(waits_twice, id="w")
        await engine.signal("w", "second", "early")
        at = (await engine.checkpoints("w"))[0]["step"]
        await engine.signal("w", "first", 1)
        assert await engine.get_handle("w").result() == [1, "early"]
        fork = await engine.fork("w", at=at)
        await engine.settle()
        Invariants().check(rows_of(engine))
        await engine.signal(fork.id, "first", 2)
        assert await fork.result() == [2, "early"]


@workflow(retain_checkpoints=5)
async def waits_twice(ctx: Context) -> list[object]:
    first = await ctx.wait_for_signal("first")
    return [first, await ctx.wait_for_signal("second")]


async def test_an_attempt_in_flight_begins_anew_in_the_fork_and_goes_on_in_its_run() -> None:
    import asyncio

    gate = asyncio.Event()

    async def slow(name: str) -> str:
        effects[name] += 1
        await gate.wait()
        return name.upper()

    async with TestEngine(workflows=[trip]) as engine:
        engine.mock(act, slow)
        await engine.start(trip, 0, id="t")
        for _ in range(5):
            await asyncio.sleep(0)
        fork = await engine.fork("t")
        for _ in range(5):
            await asyncio.sleep(0)
        assert effects == {"flight": 2}
        gate.set()
        await engine.advance_time("1 hour")
        assert await fork.result() == await engine.get_handle("t").result() == result()


async def test_a_timer_whose_deadline_has_passed_fires_at_once() -> None:
    async with TestEngine(workflows=[trip]) as engine:
        await travel(engine)
        await engine.advance_time("2 hours")
        fork = await engine.fork("t", at=4)
        await engine.advance_time(0)
        assert await fork.result() == result()


async def test_a_fork_may_begin_with_other_variables() -> None:
    async with TestEngine(workflows=[trip]) as engine:
        await travel(engine, "a")
        fork = await engine.fork("t", edit={"total": 7})
        await engine.advance_time("1 hour")
        assert await fork.result() == result("a", total=7)
        assert await engine.get_handle("t").result() == result("a")
        (change,) = (await fork.history())[0]["changes"]
        assert change == {"name": "total", "old": 101, "new": 7}
        before = rows_of(engine)
        with pytest.raises(EditError, match="there are: .*total"):
            await engine.fork("t", at=4, edit={"totl": 7})
        with pytest.raises(NotSerializableError):
            await engine.fork("t", at=4, edit={"total": open})
        assert {k: v for k, v in rows_of(engine).items() if k != "meta/owner"} == {
            k: v for k, v in before.items() if k != "meta/owner"
        }


async def test_what_cannot_be_forked_is_refused_and_nothing_is_written() -> None:
    async with TestEngine(workflows=[trip, waits_twice]) as engine:
        await travel(engine)
        with pytest.raises(CheckpointNotFoundError, match="there are: "):
            await engine.fork("t", at=99)
        with pytest.raises(RunNotFoundError):
            await engine.fork("nobody")
        with pytest.raises(RunExistsError):
            await engine.fork("t", id="t")
        assert {key for key in rows_of(engine) if key.startswith("run/")} == {"run/t"}
    storage = MemoryStorage()
    async with TestEngine(workflows=[trip], storage=storage) as engine:
        await travel(engine)
    other = workflow(name="trip", version="2")(waits_twice.__wrapped__)
    third = workflow(name="trip", version="3")(waits_twice.__wrapped__)
    async with TestEngine(workflows=[other, third], storage=storage, recover=False) as engine:
        with pytest.raises(VersionNotRegisteredError):
            await engine.fork("t")
        assert {key for key in rows_of(engine) if key.startswith("run/")} == {"run/t"}


async def test_G6_the_same_key_gives_the_same_fork_and_for_another_fork_a_conflict() -> None:
    async with TestEngine(workflows=[trip]) as engine:
        await travel(engine)
        first = await engine.fork("t", at=4, idempotency_key="k")
        again = await engine.fork("t", at=4, idempotency_key="k")
        assert again.id == first.id
        with pytest.raises(IdempotencyKeyConflictError):
            await engine.fork("t", at=2, idempotency_key="k")
        Invariants().check(rows_of(engine))


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_G1_G12_a_crash_at_any_write_of_a_fork_leaves_one_whole_fork_or_none(
    mode: Literal["before", "after"],
) -> None:
    async def use(engine: TestEngine) -> None:
        try:
            await engine.fork("t", at=4, id="f")
        except RunExistsError:
            pass  # it was durable
        await engine.settle()
        await engine.advance_time("2 hours")

    async def judge(engine: TestEngine) -> None:
        await engine.advance_time("2 hours")
        assert await engine.get_handle("f").result() == result("a")
        assert await engine.get_handle("t").result() == result("a")
        assert sum(effects.values()) <= 4 + 3 + 4, "at most what was in flight is repeated: two cars of each"
        assert effects["flight"] == 1

    assert await repairing.crash_everywhere(lambda e: travel(e, "a"), use, judge, mode) >= 5


@workflow(retain_checkpoints=50)
async def two_lists(ctx: Context) -> list[int]:
    sums = []
    for add in (1, 100):
        rows: list[list[int | str]] = []
        for number in range(12):
            rows.append([number + add, "x" * 600])
            await ctx.run(act, f"{add}.{number}")
        sums.append(sum(int(row[0]) for row in rows))
        del rows
        await ctx.run(act, "nothing is left")
    return sums


async def test_G18_chunks_of_a_list_that_is_gone_lend_their_names_to_no_other_while_a_checkpoint_has_them() -> None:
    for crashes in (False, True):
        forget()
        async with TestEngine(workflows=[two_lists]) as engine:
            await engine.start(two_lists, id="t")
            await engine.settle()
            ended = await engine.get_handle("t").result()
            for step in [c["step"] for c in await engine.checkpoints("t")]:
                fork = await engine.fork("t", at=step)
                if crashes:
                    await engine.crash_and_recover()
                await engine.settle()
                assert await engine.get_handle(fork.id).result() == ended, step
            Invariants().check(rows_of(engine))

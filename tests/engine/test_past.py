"""Retained checkpoints: kept in the batch that supersedes them, pruned in it, and nothing at all when they are off."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any, Literal

import pytest

from tests.engine.invariants import Invariants
from weft_core import Context, Engine, activity, signal, workflow
from weft_core.errors import CheckpointNotFoundError, DefinitionError
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine

more = signal("more")


@activity
async def page(number: int) -> str:
    return f"{number:06}".ljust(800, "x")


@workflow(retain_checkpoints=3)
async def reader(ctx: Context, pages: int) -> int:
    read: list[str] = []
    for number in range(pages):
        read.append(await ctx.run(page, number))
        if number % 5 == 4:
            read[number - 2] = read[number - 2].upper()
    await ctx.wait_for_signal(more)
    return len(read)


@workflow
async def forgetful(ctx: Context, pages: int) -> int:
    for number in range(pages):
        await ctx.run(page, number)
    await ctx.wait_for_signal(more)
    return pages


def rows_of(engine: Engine) -> dict[str, bytes]:
    assert isinstance(engine.storage, MemoryStorage)
    return engine.storage.rows()


async def test_the_last_checkpoints_are_listed_newest_first_with_what_was_waited_for() -> None:
    async with TestEngine(workflows=[reader]) as engine:
        await engine.start(reader, 8, id="r")
        await engine.settle()
        there = await engine.checkpoints("r")
        assert [c["step"] for c in there] == [8, 7, 6, 5]
        assert [c["waiting_for"][0]["kind"] for c in there] == ["signal", "activity", "activity", "activity"]
        assert [c["current"] for c in there] == [True, False, False, False]
        assert all(c["size"] > 4_000 for c in there[1:]), "with what is in chunks"
        assert [c["step"] for c in await engine.checkpoints("r", cursor=8, limit=2)] == [7, 6]
        Invariants().check(rows_of(engine))


async def test_the_frames_of_a_retained_checkpoint_show_its_line_and_its_variables() -> None:
    async with TestEngine(workflows=[reader]) as engine:
        await engine.start(reader, 8, id="r")
        await engine.settle()
        for step in (5, 6, 7, 8):
            shown = await engine.frames("r", at=step)
            (frame,) = shown["tasks"][0]["frames"]
            variables = {v["name"]: v["text"] for v in frame["locals"]}
            assert shown["step"] == step
            assert variables["read"].endswith(f"({step * 804:,} characters)"), "a page for each step"
            assert ("ctx.wait_for_signal" in frame["label"]) == (step == 8)
        with pytest.raises(CheckpointNotFoundError, match=r"\[5, 6, 7"):
            await engine.frames("r", at=2)


async def test_retention_is_off_unless_asked_for_and_the_engine_has_a_default() -> None:
    async with TestEngine(workflows=[forgetful, reader]) as engine:
        await engine.start(forgetful, 5, id="r")
        await engine.settle()
        assert [c["step"] for c in await engine.checkpoints("r")] == [5]
        assert not [key for key in rows_of(engine) if key.startswith("past/")]
    async with TestEngine(workflows=[forgetful, reader], retain_checkpoints=2) as engine:
        await engine.start(forgetful, 5, id="r")
        await engine.start(reader, 5, id="s")
        await engine.settle()
        assert [c["step"] for c in await engine.checkpoints("r")] == [5, 4, 3]
        assert [c["step"] for c in await engine.checkpoints("s")] == [5, 4, 3, 2], "what the workflow says wins"
    for wrong in (-1, True, "ten", 10_001):
        with pytest.raises(DefinitionError, match="retain_checkpoints"):
            Engine(storage=MemoryStorage(), retain_checkpoints=wrong)  # type: ignore[arg-type]


async def test_a_finished_run_keeps_its_past_and_no_more() -> None:
    async with TestEngine(workflows=[reader]) as engine:
        await engine.start(reader, 6, id="r")
        await engine.settle()
        await engine.signal("r", more)
        assert await engine.get_handle("r").result() == 6
        assert [c["step"] for c in await engine.checkpoints("r")] == [6, 5, 4]
        Invariants().check(rows_of(engine))
        await engine.start(reader, 2, id="r", on_conflict="restart")
        await engine.settle()
        assert [c["step"] for c in await engine.checkpoints("r")] == [2, 1, 0]
        Invariants().check(rows_of(engine))


@pytest.mark.parametrize("end", ["cancel", "terminate"])
async def test_a_run_that_ends_without_its_code_keeps_its_past_too(end: str) -> None:
    storage = MemoryStorage()
    async with Engine(storage=storage, workflows=[reader], close_storage=False) as engine:
        await engine.start(reader, 12, id="r")
        await TestEngine.settle(engine)  # type: ignore[arg-type]
    async with TestEngine(storage=storage, workflows=[forgetful]) as other:
        await other.signal("r", more)
        assert (await other.describe("r"))["status"] == "held"
        await getattr(other, end)("r")
        assert [c["step"] for c in await other.checkpoints("r")] == [12, 11, 10]
        Invariants().check(storage.rows())


class Counting(MemoryStorage):
    """Counts what passes the port, by kind of record."""

    calls: Counter[str] = Counter()

    async def conditional_batch(self, conditions: Any, ops: Any) -> bool:
        self.calls.update(key.partition("/")[0] for key, _ in ops)
        return await super().conditional_batch(conditions, ops)

    async def scan(self, prefix: str, **options: Any) -> Any:
        self.calls[f"scan {prefix.partition('/')[0]}"] += 1
        return await super().scan(prefix, **options)


async def test_a_step_writes_one_retained_checkpoint_and_removes_one_without_looking() -> None:
    storage = Counting()
    async with TestEngine(storage=storage, workflows=[reader]) as engine:
        await engine.start(reader, 30, id="short")
        await engine.settle()
        storage.calls.clear()
        await engine.start(reader, 130, id="long")
        await engine.settle()
        assert storage.calls["past"] == 130 + (130 - 3)
        assert not [what for what in storage.calls if what in ("scan past", "scan chunk")]


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_a_crash_at_any_write_leaves_a_whole_past(mode: Literal["before", "after"]) -> None:
    for crash_at in itertools.count(3):
        memory = MemoryStorage()
        storage = CrashingStorage(memory, crash_at=crash_at, mode=mode)
        engine = TestEngine(workflows=[reader], storage=storage)
        try:
            await engine.open()
            await engine.start(reader, 12, id="r")
            await engine.settle()
            await engine.signal("r", more)
            await engine.settle()
        except SimulatedCrash:
            pass
        await engine.crash()
        Invariants().check(memory.rows())
        async with TestEngine(workflows=[reader], storage=memory.reopen()) as again:
            if "run/r" in memory.rows():
                await again.settle()
                if (await again.describe("r"))["status"] == "running":
                    await again.signal("r", more)
                assert await again.get_handle("r").result() == 12
                Invariants().check(rows_of(again))
                steps = [c["step"] for c in await again.checkpoints("r")]
                assert steps == [12, 11, 10]
                for step in steps:
                    assert (await again.frames("r", at=step))["step"] == step
        if not storage.dead:
            break
    assert crash_at > 12


async def test_G18_a_damaged_retained_checkpoint_harms_nobody_but_who_asks_for_it() -> None:
    storage = MemoryStorage()
    async with TestEngine(workflows=[reader], storage=storage) as engine:
        await engine.start(reader, 5, id="r")
        await engine.settle()
    key = "past/r/000000000004"
    data = await storage.get(key) or b""
    await storage.put(key, data[:-1] + bytes((data[-1] ^ 1,)))
    async with TestEngine(workflows=[reader], storage=storage) as engine:
        assert [c["step"] for c in await engine.checkpoints("r")] == [5, 4, 3, 2]
        assert (await engine.checkpoints("r"))[1]["error"]["code"] == "CorruptRecordError"
        await engine.signal("r", more)
        assert await engine.get_handle("r").result() == 5

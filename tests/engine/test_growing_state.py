"""G3: the bytes written at a step are O(what changed), and what was written in parts is whole again after a crash."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from weft_core import Context, Engine, Limits, activity, query, signal, workflow
from weft_core.errors import CorruptRecordError, RunHeldError
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine

STEPS = 10_000
KB = 1_000


@activity
async def page(number: int) -> str:
    return f"{number:06}".ljust(KB, "x")


@activity
async def beat(number: int) -> None:
    return None


@workflow
async def listing(ctx: Context, steps: int) -> str:
    pages: list[str] = []
    for number in range(steps):
        await ctx.run(beat, number)
        pages.append(f"{number:06}".ljust(KB, "x"))
    await ctx.wait_for_signal("stop")
    return f"{len(pages)} {pages[-1][:6]} {len(set(pages))}"


@workflow
async def indexing(ctx: Context, steps: int) -> str:
    pages: dict[int, str] = {}
    for number in range(steps):
        pages[number] = await ctx.run(page, number)
    await ctx.wait_for_signal("stop")
    return f"{len(pages)} {pages[steps - 1][:6]} {len(set(pages.values()))}"


rows_seen = query("rows")
more = signal("more")


@workflow
async def table(ctx: Context) -> list[Any]:
    shared = {"owner": "ada", "seen": 0}
    rows = [{"n": n, "text": "x" * 200, "of": shared} for n in range(50)]
    by_number = {row["n"]: row for row in rows}
    while True:
        word = await ctx.wait_for_signal(more)
        if word == "stop":
            break
        rows[word]["text"] = "changed"
        shared["seen"] += 1
        rows.append({"n": len(rows), "text": "y" * 200, "of": shared})
        by_number[len(by_number)] = rows[-1]
    assert all(by_number[row["n"]] is row and row["of"] is shared for row in rows)
    return [shared["seen"], len(rows), [row["n"] for row in rows if row["text"] == "changed"]]


class Counting(MemoryStorage):
    """Counts the bytes that pass the storage port, by kind of record; a copy that a crash leaves counts on."""

    written: Counter[str] = Counter()

    async def conditional_batch(self, conditions: Any, ops: Any) -> bool:
        for key, value in ops:
            kind = key.partition("/")[0]
            self.written[kind] += len(key) + len(value or b"")
        return await super().conditional_batch(conditions, ops)


@pytest.mark.parametrize("growing", [listing, indexing])
async def test_G3_a_state_that_grows_by_a_kilobyte_a_step_is_not_written_whole(growing: Any) -> None:
    storage = Counting()
    storage.written.clear()
    async with Engine(storage=storage, workflows=[growing], close_storage=False) as engine:
        handle = await engine.start(growing, STEPS, id="g")
        await engine.signal("g", "stop")
        assert await handle.result() == f"{STEPS} {STEPS - 1:06} {STEPS}"
    assert sum(storage.written.values()) <= 3 * STEPS * KB, storage.written
    assert not await storage.scan("chunk/"), "a finished run leaves nothing behind"


async def test_G3_a_grown_state_is_whole_after_crashes_and_its_changes_are_written_alone() -> None:
    storage = Counting()
    async with TestEngine(storage=storage, workflows=[table]) as engine:
        handle = await engine.start(table, id="t")
        await engine.settle()
        for n in (3, 40, 20, 3):
            await engine.crash_and_recover()
            storage.written.clear()
            await engine.signal("t", more, n)
            await engine.settle()
            assert sum(storage.written.values()) < 9_000, storage.written
        await engine.crash_and_recover()
        view = (await engine.frames("t"))["tasks"][0]["frames"][0]["locals"]
        assert next(v for v in view if v["name"] == "rows")["text"].count("'owner'") > 5
        await engine.signal("t", more, "stop")
        handle = engine.get_handle("t")
        assert await handle.result() == [4, 54, [3, 20, 40]]


async def test_a_run_with_a_grown_state_that_is_cancelled_while_it_cannot_run_leaves_nothing() -> None:
    storage = MemoryStorage()
    async with Engine(storage=storage, workflows=[table], close_storage=False) as engine:
        await engine.start(table, id="t")
    assert await storage.scan("chunk/t/")
    async with Engine(storage=storage, workflows=[listing], close_storage=False) as engine:
        await engine.signal("t", more, 1)
        assert (await engine.describe("t"))["status"] == "held"
        await engine.cancel("t")
    assert not await storage.scan("chunk/") and not await storage.scan("ckpt/")


@pytest.mark.parametrize("how", ["gone", "damaged", "swapped"])
async def test_G18_a_chunk_that_is_not_what_was_written_stops_its_run_and_no_other(how: str) -> None:
    storage = MemoryStorage()
    async with Engine(storage=storage, workflows=[table], close_storage=False) as engine:
        await engine.start(table, id="t")
        await engine.start(table, id="u")
    first, second = [key for key, _ in await storage.scan("chunk/t/")][:2]
    if how == "gone":
        await storage.delete(first)
    elif how == "damaged":
        data = await storage.get(first) or b""
        await storage.put(first, data[:-1] + bytes((data[-1] ^ 1,)))
    else:
        await storage.put(first, await storage.get(second) or b"")
    async with Engine(storage=storage, workflows=[table], close_storage=False) as engine:
        await engine.signal("u", more, "stop")
        assert await engine.get_handle("u").result() == [0, 50, []]
        await engine.signal("t", more, 1)
        run = await engine.describe("t")
        assert (run["status"], run["error"]["code"]) == ("dead", CorruptRecordError.__name__)
        assert first in run["error"]["message"]


async def test_chunks_count_for_the_limit_of_a_checkpoint() -> None:
    limits = Limits(max_checkpoint_bytes=200 * KB)
    async with Engine(storage=MemoryStorage(), workflows=[listing], limits=limits) as engine:
        handle = await engine.start(listing, 1_000, id="g")
        with pytest.raises(RunHeldError):
            await handle.result()
        assert (await engine.describe("g"))["error"]["code"] == "PayloadTooLargeError"

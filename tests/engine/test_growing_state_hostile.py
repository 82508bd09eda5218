"""A state in chunks (G3) under crashes: iterators half used, closures, branches, migrations, outages."""

from __future__ import annotations

import itertools
from typing import Any

from weft_core import Context, Engine, Limits, activity, signal, workflow
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine

go = signal("go")
broken = {"now": False}


@activity
async def look(number: int) -> int:
    return number


@workflow
async def walking(ctx: Context) -> list[Any]:
    shared = {"owner": "ada", "notes": ["first"]}
    rows = [{"n": n, "text": "x" * 150, "of": shared} for n in range(30)]
    index = {(row["n"], "key"): row for row in rows}
    seen: list[Any] = []

    def add(number: int) -> None:
        rows.append({"n": number, "text": "y" * 300, "of": shared})
        index[number, "key"] = rows[-1]

    ahead, back, counted, view = iter(rows), reversed(rows), enumerate(rows, 5), index.values()
    for turn, row in enumerate(rows):
        await ctx.run(look, turn)
        seen.append((row["n"], next(ahead)["n"], next(counted)[0], next(back)["n"], len(view), "s" * 100))
        if turn < 3:
            add(100 + turn)
        elif turn == 3:
            shared["notes"].append("n" * 3_000)
        elif turn == 4:
            rows.sort(key=lambda r: -r["n"] if r["n"] > 20 else r["n"])
        elif turn == 5:
            rows[10:12] = [{"n": 77, "text": "slice", "of": shared}]
        elif turn == 7:
            break

    async def branch(number: int) -> int:
        for _ in range(2):
            rows.insert(number, {"n": await ctx.run(look, number), "text": "z" * 700, "of": shared})
        return len(rows)

    lengths = await ctx.all([branch(n) for n in range(3)])
    assert all(row["of"] is shared for row in rows)
    kept = {id(row) for row in rows}
    assert sum(id(row) not in kept for row in index.values()) == 2
    return [lengths, seen, [row["n"] for row in rows], len(index), shared["notes"][1][:2]]


async def test_G2_a_state_in_chunks_is_the_same_after_a_crash_at_every_write() -> None:
    async with TestEngine(workflows=[walking]) as engine:
        expected = await (await engine.start(walking)).result()
    for mode, capacity in (("before", 100), ("after", 1)):
        memory = MemoryStorage()
        for crash in itertools.count():
            memory = memory.reopen()
            storage = CrashingStorage(memory, 3 + crash % 2, mode)  # type: ignore[arg-type]
            limits = Limits(max_live_runs=capacity)
            engine = Engine(storage=storage, workflows=[walking], limits=limits, close_storage=False)
            try:
                await engine.open()
                if not await memory.scan("run/"):
                    await engine.start(walking, id="w")
                result = await engine.get_handle("w").result()
                break
            except (SimulatedCrash, Exception):
                assert storage.dead
            finally:
                await engine.crash()
        assert result == expected
        assert crash > 5
        assert not await memory.scan("chunk/")


@workflow
async def stumbling(ctx: Context) -> list[Any]:
    rows: list[Any] = [{"n": n, "text": "x" * 200} for n in range(60)]
    for n in range(3):
        await ctx.wait_for_signal(go)
        rows[n]["text"] = "changed"
        rows.append({"n": 100 + n, "text": "y" * 600})
    rows[25]["extra"] = memoryview(b"x") if broken["now"] else 1
    del rows[:20]
    await ctx.run(look, 1)
    return [len(rows), rows[0]["n"], rows[5]["extra"], rows[-1]["n"]]


async def test_G15_a_turn_that_cannot_be_stored_leaves_the_chunks_of_the_checkpoint_before_it() -> None:
    async with TestEngine(workflows=[stumbling]) as engine:
        await engine.start(stumbling, id="s")
        broken["now"] = True
        for _ in range(2):
            await engine.signal("s", go)
        await engine.settle()
        before = await engine.storage.scan("chunk/")
        await engine.signal("s", go)
        await engine.settle()
        assert (await engine.describe("s"))["status"] == "dead"
        assert before
        await engine.crash_and_recover()
        assert (await engine.frames("s"))["tasks"]
        broken["now"] = False
        await engine.resume("s")
        assert await engine.get_handle("s").result() == [43, 20, 1, 102]
        assert not await engine.storage.scan("chunk/")


def ledgers() -> tuple[Any, Any]:
    """A workflow with large rows, and its next version, which keeps them under another name."""

    @workflow(name="ledger", version="1")
    async def old(ctx: Context) -> Any:
        rows = [{"n": n, "text": "x" * 200} for n in range(50)]
        index = {(row["n"], "key"): row for row in rows}
        await ctx.wait_for_signal(go)
        await ctx.run(look, 1)
        return [rows, index]

    @workflow(name="ledger", version="2")
    async def new(ctx: Context) -> Any:
        entries: list[Any] = []
        index: dict[Any, Any] = {}
        while await ctx.wait_for_signal(go) != "stop":
            entries.append({"n": len(entries), "text": "new" * 100})
        assert all(entries[n] is row for (n, _), row in index.items())
        return [len(entries), len(index), entries[-1]["n"]]

    @new.migrate(from_version="1")
    def rename(run: Any) -> None:
        run.root.locals["entries"] = run.root.locals.pop("rows")
        run.root.move_to("signal go")

    return old, new


async def test_G16_a_run_with_chunks_that_is_migrated_takes_them_along() -> None:
    old, new = ledgers()
    storage = MemoryStorage()
    async with Engine(storage=storage, workflows=[old], close_storage=False) as engine:
        await engine.start(old, id="m")
    assert await storage.scan("chunk/m/")
    async with TestEngine(storage=storage, workflows=[new]) as engine:
        for word in ("more", "more"):
            await engine.signal("m", go, word)
            await engine.crash_and_recover()
        await engine.signal("m", go, "stop")
        assert await engine.get_handle("m").result() == [52, 50, 51]
        assert not await engine.storage.scan("chunk/")

"""The event log of a long run is kept in a window. What falls out is deleted as the run goes on, in O(1) per commit.

The original (ORIGINAL.md 4.1, row 11) folds what it deletes into one watermark record, which is read, decoded and
written again at every later commit: O(n) bytes each, O(n²) in all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import pytest

from tests.engine.invariants import Invariants
from weft_core import Context, Retention, activity, signal, workflow
from weft_core.ports import Condition, Op
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine, VirtualClock

go = signal("go")


@activity
def touch(value: int) -> int:
    return value


@workflow
async def loop(ctx: Context, steps: int) -> int:
    total = 0
    for number in range(steps):
        total += await ctx.run(touch, number)
    await ctx.wait_for_signal(go)
    return total


@workflow
async def daily(ctx: Context, days: int) -> int:
    for _ in range(days):
        await ctx.sleep("1 day")
    return days


class Weighing(MemoryStorage):
    """What is written and read."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.ops: list[int] = []
        self.log_reads = 0

    async def conditional_batch(self, conditions: Sequence[Condition], ops: Sequence[Op]) -> bool:
        self.sizes.append(sum(len(key) + len(value or b"") for key, value in ops))
        self.ops.append(len(ops))
        return await super().conditional_batch(conditions, ops)

    async def scan(self, prefix: str, **how: Any) -> Any:
        self.log_reads += prefix.startswith("log/")
        return await super().scan(prefix, **how)


def seqs(rows: MemoryStorage) -> list[int]:
    return sorted(int(key.split("/")[2], 16) for key in rows.rows() if key.startswith("log/"))


def events_of(view: Any, run_id: str) -> list[int]:
    return [seq for seq, _, _ in view.events[run_id]]


async def long_run(steps: int, retention: Retention) -> Weighing:
    rows = Weighing()
    async with TestEngine(workflows=[loop], storage=rows, retention=retention) as engine:
        await engine.start(loop, steps, id="r")
        await engine.settle()
    return rows


async def test_G3_the_watermark_fault_a_commit_writes_the_same_after_many_steps_as_after_few() -> None:
    rows = await long_run(3000, Retention(events=200))
    early, late = rows.sizes[300:600], rows.sizes[-310:-10]
    assert abs(sum(late) - sum(early)) / sum(early) < 0.02, "bytes of a commit grow with the steps that are done"
    assert max(rows.ops[100:-10]) <= 8
    assert rows.log_reads == 0, "the log is read while the run goes on"
    assert not [key for key in rows.rows() if "watermark" in key]
    view = Invariants(windows=True).check(rows.rows())
    kept = events_of(view, "r")
    assert 195 <= len(kept) <= 203 and kept[-1] > 6000


async def test_without_a_window_a_turn_writes_what_it_wrote_before() -> None:
    off = await long_run(300, Retention())
    on = await long_run(300, Retention(events=10))
    deletes = sum(b - a for a, b in zip(off.ops, on.ops))
    assert sum(off.ops) < sum(on.ops) == sum(off.ops) + deletes
    assert len(seqs(off)) > 300 and off.log_reads == 0


async def test_history_and_tail_begin_at_the_watermark_and_say_so() -> None:
    async with TestEngine(workflows=[loop], retention=Retention(events=10)) as engine:
        handle = await engine.start(loop, 50, id="r")
        await engine.settle()
        history = await handle.history()
        note, first = history[:2]
        assert note["type"] == "events_expired" and note["first_seq"] == first["seq"] == note["seq"] + 1 > 80
        assert [e["seq"] for e in history] == list(range(note["seq"], note["seq"] + len(history)))
        assert await handle.history(after=first["seq"] - 1) == history[1:], "nothing is gone that was asked for"
        assert await handle.history(limit=1) == [note]
        await engine.signal("r", go)
        tailed = [event async for event in handle.tail()]
        assert tailed[0]["type"] == "events_expired" and tailed[-1]["type"] == "run_completed"
        assert [e["seq"] for e in tailed] == list(range(tailed[0]["seq"], tailed[0]["seq"] + len(tailed)))


async def test_a_turn_that_writes_more_than_the_window_keeps_its_own_events() -> None:
    @workflow(name="wide")
    async def wide(ctx: Context) -> None:
        await ctx.all([ctx.run(touch, n) for n in range(50)])
        await ctx.wait_for_signal(go)

    rows = MemoryStorage()
    async with TestEngine(workflows=[wide], storage=rows, retention=Retention(events=1)) as engine:
        await engine.start(wide, id="r")
        await engine.settle()
        assert (await engine.history("r"))[-1]["seq"] == events_of(Invariants(windows=True).check(rows.rows()), "r")[-1]


async def test_events_are_kept_by_age() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[daily], storage=rows, retention=Retention(events="7 days")) as engine:
        await engine.start(daily, 60, id="r")
        await engine.advance_time("40.5 days")
        history = await engine.history("r")
        ages = [(engine.clock.now_ms() - e["at"]) / 86_400_000 for e in history if e["type"] != "events_expired"]
        assert 6.5 <= max(ages) <= 8.5
        Invariants(windows=True).check(rows.rows())


async def test_events_are_kept_by_age_also_where_the_engine_is_opened_every_day() -> None:
    """What is known of ages in memory is lost then; the log is asked, with few reads."""
    rows, clock = Weighing(), VirtualClock()
    for _ in range(40):
        engine = TestEngine(workflows=[daily], storage=rows, clock=clock, retention=Retention(events="7 days"))
        async with engine:
            if clock.now_ms() == VirtualClock().now_ms():
                await engine.start(daily, 60, id="r")
            await engine.advance_time("1 day")
    oldest = min(e["at"] for e in await engine.history("r") if e["type"] != "events_expired")
    assert 6 <= (clock.now_ms() - oldest) / 86_400_000 <= 9
    assert rows.log_reads < 40 * 12
    Invariants(windows=True).check(rows.rows())


async def test_a_log_that_was_kept_whole_is_caught_up_with_a_bounded_number_of_records_a_turn() -> None:
    rows = await long_run(1000, Retention())
    assert len(seqs(rows)) > 1000
    store, clock = Weighing(), VirtualClock()
    await store.batch(list(rows.rows().items()))
    store.ops.clear()

    @workflow(name="loop")
    async def again(ctx: Context, steps: int) -> int:
        return steps

    async with TestEngine(workflows=[loop], storage=store, clock=clock, retention=Retention(events=50)) as engine:
        await engine.signal("r", go)  # one turn
        await engine.settle()
        assert 60 <= max(store.ops) <= 80
    Invariants(windows=True).check(store.rows())


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_the_window_survives_a_crash_at_every_write(mode: Literal["before", "after"]) -> None:
    for crash_at in range(1, 40, 3):
        rows, clock = MemoryStorage(), VirtualClock()
        storage = CrashingStorage(rows.reopen(), crash_at, mode)
        invariants = Invariants(windows=True, purges=True)
        engine = TestEngine(workflows=[loop], storage=storage, clock=clock, retention=Retention(events=6))
        try:
            await engine.open()
            await engine.start(loop, 12, id="r")
            await engine.settle()
        except SimulatedCrash:
            pass
        finally:
            await engine.crash()
        async with TestEngine(
            workflows=[loop], storage=rows.reopen(), clock=clock, retention=Retention(events=6)
        ) as again:
            await again.settle()
            if "run/r" not in rows.rows():
                await again.start(loop, 12, id="r")
            await again.settle()
            await again.signal("r", go)
            assert await again.get_handle("r").result() == 66
            assert len(events_of(invariants.check(rows.rows()), "r")) <= 8

"""Tails: of one run and of all, from any cursor, through crashes, and for consumers of any speed."""

from __future__ import annotations

import asyncio
import gc
import json
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.invariants import Invariants
from weft_core import Context, activity, signal, workflow
from weft_core.client import Dispatcher
from weft_core.engine.tails import EventTail, FeedSource
from weft_core.errors import (
    EngineClosedError,
    InvalidInputError,
    OperationMisuseError,
    RunNotFoundError,
    TailOverflowError,
)  # fmt: skip
from weft_core.model import keys
from weft_core.model.events import (
    ActivityCompleted,
    Event,
    EventsUnreadable,
    RunCompleted,
    RunStarted,
    SignalReceived,
)  # fmt: skip
from weft_core.model.limits import Limits
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine, VirtualClock

go = signal("go")


@activity
async def work(n: int) -> int:
    await asyncio.sleep(0)
    return n


@workflow
async def worker(ctx: Context, steps: int, wait: bool = False) -> int:
    total = 0
    for n in range(steps):
        total += await ctx.run(work, n)
    if wait:
        await ctx.wait_for_signal(go)
    return total


async def take(tail: AsyncIterator[Any], n: int) -> list[Any]:
    return [await asyncio.wait_for(tail.__anext__(), 5) for _ in range(n)]


async def everything(engine: TestEngine, after: str = "oldest") -> list[dict[str, Any]]:
    """The feed, page by page."""
    events = []
    while True:
        page = await engine.feed(after=after, limit=7)
        events += page.events
        after = page.cursor
        if not page.more:
            return events


def per_run(events: list[Any]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for event in events:
        found.setdefault(event.run_id if isinstance(event, Event) else event["run_id"], []).append(
            event.seq if isinstance(event, Event) else event["seq"]
        )
    return found


async def test_the_feed_has_the_events_of_all_runs_once_in_the_order_of_their_commits() -> None:
    async with TestEngine(workflows=[worker]) as engine:
        tail = engine.tail()
        heard: list[dict[str, Any]] = []
        engine.events.subscribe(heard.append)
        await asyncio.gather(*[engine.start(worker, 5, id=f"run-{n}") for n in range(20)])
        await engine.settle()
        assert [event.to_json() for event in await take(tail, len(heard))] == heard
        assert await everything(engine) == heard
        assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in per_run(heard).values())
        assert len(per_run(heard)) == 20
        Invariants().check(engine.storage.rows())  # type: ignore[attr-defined]


async def test_any_cursor_resumes_exactly_after_its_event_also_after_a_restart() -> None:
    async with TestEngine(workflows=[worker]) as engine:
        await asyncio.gather(*[engine.start(worker, 3, n > 2, id=f"run-{n}") for n in range(6)])
        await engine.settle()
        tail = engine.tail(after="oldest")
        cursors = [tail.cursor]
        events = []
        for _ in range(len(await everything(engine))):
            events += await take(tail, 1)
            cursors.append(tail.cursor)
        await engine.crash_and_recover()
        await engine.signal("run-4", go)
        await engine.settle()
        whole = await everything(engine)
        assert whole[: len(events)] == [event.to_json() for event in events] and len(whole) > len(events)
        for n, cursor in enumerate(cursors):
            assert isinstance(cursor, str)
            assert await everything(engine, cursor) == whole[n:], cursor
            resumed = engine.tail(after=cursor)
            assert [event.to_json() for event in await take(resumed, len(whole) - n)] == whole[n:], cursor
            await resumed.aclose()


async def test_a_tail_begun_while_events_pour_in_has_no_gap_and_no_repetition() -> None:
    async with TestEngine(workflows=[worker]) as engine:
        runs = 30
        starts = [asyncio.ensure_future(engine.start(worker, 8, id=f"run-{n}")) for n in range(runs)]
        collectors = []
        for lag in range(12):
            for _ in range(lag):
                await asyncio.sleep(0)
            tail = engine.tail(after="oldest")
            collectors.append(asyncio.ensure_future(take(tail, runs * (2 + 2 * 8))))
            collectors.append(
                asyncio.ensure_future(take(engine.get_handle("run-3").tail(), 18)) if lag > 5 else starts[0]
            )
        await asyncio.gather(*starts)
        await engine.settle()
        whole = await everything(engine)
        for collected in await asyncio.gather(*collectors):
            if isinstance(collected, list) and len(collected) == len(whole):
                assert [event.to_json() for event in collected] == whole
            elif isinstance(collected, list):
                assert [event["seq"] for event in collected] == list(range(1, 19))


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_G1_a_tail_has_each_event_once_wherever_the_engine_crashes(mode: Any) -> None:
    """A batch may be durable and its events told to nobody: the next owner's tails have them."""
    crash_at = 0
    while True:
        crash_at += 1
        rows, clock = MemoryStorage(), VirtualClock()
        seen: list[dict[str, Any]] = []
        cursor: Any = "oldest"
        crashed = False
        for at in (crash_at, None):
            storage = CrashingStorage(rows.reopen(), at, mode)
            engine = TestEngine(workflows=[worker], storage=storage, clock=clock)
            try:
                await engine.open()
                tail = engine.tail(after=cursor)
                collector = asyncio.ensure_future(_collect(tail, seen))
                for run_id in ("a", "b"):
                    if not await rows.has(keys.run(run_id)):
                        await engine.start(worker, 2, id=run_id)
                await engine.settle()
                if engine.trouble is not None:
                    raise engine.trouble
                await asyncio.sleep(0.001)
                collector.cancel()
            except SimulatedCrash:
                crashed = True
            finally:
                await engine.crash()
            cursor = tail.cursor if seen else "oldest"
        stored = [e for run_id in ("a", "b") for e in await engine.reader.history(run_id)]
        assert sorted(seen, key=lambda e: (e["run_id"], e["seq"])) == stored, crash_at
        Invariants().check(rows.rows())
        if not crashed:
            assert crash_at > 8
            return


async def _collect(tail: AsyncIterator[Event], seen: list[dict[str, Any]]) -> None:
    async for event in tail:
        seen.append(event.to_json())


async def test_one_tail_goes_on_through_a_crash_of_its_engine() -> None:
    async with TestEngine(workflows=[worker]) as engine:
        tail = engine.tail()
        await engine.start(worker, 2, True, id="r")
        await engine.settle()
        await take(tail, 3)
        await engine.crash_and_recover()
        await engine.signal("r", go)
        await engine.settle()
        rest = await take(tail, len(await everything(engine)) - 3)
        assert [event.seq for event in rest] == list(range(4, 4 + len(rest)))


async def test_a_slow_consumer_keeps_a_bounded_number_of_events_in_memory_and_misses_none() -> None:
    """Fault of the original: a client that falls 1000 events behind is cut off (close code 1008)."""
    async with TestEngine(workflows=[worker]) as engine:
        tail = engine.tail()
        await engine.start(worker, 2, id="first")
        assert (await take(tail, 1))[0].type == "run_started"
        await asyncio.gather(*[engine.start(worker, 30, id=f"run-{n}") for n in range(60)])
        await engine.settle()
        assert 0 < len(tail._buffer) <= 1_000
        whole = await everything(engine)
        assert len(whole) > 3_000
        assert [event.to_json() for event in await take(tail, len(whole) - 1)] == whole[1:]


async def test_a_tail_with_a_tiny_buffer_has_the_same_events_while_they_pour_in() -> None:
    async with TestEngine(workflows=[worker]) as engine:
        tail = EventTail(engine.events, FeedSource(engine.reader.feed), (1, 0), lambda event: event, None, 3)
        starts = [asyncio.ensure_future(engine.start(worker, 5, id=f"run-{n}")) for n in range(10)]
        collected = await take(tail, 10 * 12)
        await asyncio.gather(*starts)
        assert collected == await everything(engine)


async def test_a_consumer_that_stops_waiting_misses_nothing_when_it_comes_again() -> None:
    async with TestEngine(workflows=[worker]) as engine:
        tail = engine.tail(after="oldest")
        starts = asyncio.gather(*[engine.start(worker, 5, id=f"run-{n}") for n in range(10)])
        seen: list[Any] = []
        patience = 0
        while len(seen) < 10 * 12:
            waiting = asyncio.ensure_future(tail.__anext__())
            patience = (patience + 1) % 5
            for _ in range(patience):
                await asyncio.sleep(0)
            if not waiting.done():
                waiting.cancel()
            try:
                seen.append(await waiting)
            except asyncio.CancelledError:
                pass
        await starts
        assert [event.to_json() for event in seen] == await everything(engine)


async def test_the_tail_of_a_run_is_typed_and_ends_with_the_run() -> None:
    async with TestEngine(workflows=[worker]) as engine:
        handle = await engine.start(worker, 2, True, id="r")
        tail = engine.tail("r")
        first = await tail.__anext__()
        assert isinstance(first, RunStarted) and first.workflow == "worker" and tail.cursor == 1
        rest = asyncio.ensure_future(_all(tail))
        await engine.signal("r", go)
        assert await handle.result() == 1
        events = await rest
        assert isinstance(events[-1], RunCompleted) and events[-1].result == 1
        assert [event.seq for event in events] == list(range(2, 2 + len(events)))
        assert [event.to_json() for event in [first, *events]] == [e async for e in handle.tail()]


async def _all(tail: AsyncIterator[Any]) -> list[Any]:
    return [event async for event in tail]


async def test_a_tail_from_the_last_event_of_a_finished_run_ends_at_once() -> None:
    async with TestEngine(workflows=[worker]) as engine:
        handle = await engine.start(worker, 1)
        await handle.result()
        last = (await handle.history())[-1]["seq"]
        assert await asyncio.wait_for(_all(handle.tail(after=last)), 5) == []
        assert await asyncio.wait_for(_all(engine.tail(handle.id, after=last + 100)), 5) == []


async def test_a_run_that_was_begun_again_is_followed_beyond_its_first_end() -> None:
    async with TestEngine(workflows=[worker]) as engine:
        await (await engine.start(worker, 1, id="r")).result()
        await engine.start(worker, 1, True, id="r", on_conflict="restart")
        tail = engine.tail("r")
        collected = asyncio.ensure_future(_all(tail))
        await engine.settle()
        assert not collected.done()
        await engine.signal("r", go)
        assert [event.type for event in await collected].count("run_completed") == 2


async def test_types_choose_events_and_the_cursor_moves_over_the_others() -> None:
    async with TestEngine(workflows=[worker]) as engine:
        await engine.start(worker, 3, True, id="r")
        await engine.settle()
        tail = engine.tail(after="oldest", types=[ActivityCompleted])
        assert [event.result for event in await take(tail, 3)] == [0, 1, 2]
        named = engine.tail("r", types=["signal_received", "run_completed"])
        await engine.signal("r", go)
        assert [type(event) for event in await asyncio.wait_for(_all(named), 5)] == [SignalReceived, RunCompleted]
        page = await engine.feed(types=["signal_received"], limit=3)
        assert page.events == [] and page.more
        assert [e["type"] for e in (await engine.feed(types=["signal_received"])).events] == ["signal_received"]


async def test_the_feed_keeps_the_last_commits_and_a_cursor_before_them_is_refused() -> None:
    memory, clock = MemoryStorage(), VirtualClock()
    engine = TestEngine(workflows=[worker], storage=memory, clock=clock, limits=Limits(feed_commits=10))
    await engine.open()
    tail = engine.tail(after="oldest")
    await engine.start(worker, 30, True, id="r")
    await take(tail, 1)
    early = tail.cursor
    await engine.settle()
    assert len(await memory.scan("feed/")) == 10
    Invariants().check(memory.rows())
    with pytest.raises(TailOverflowError) as refused:
        await engine.tail(after=early).__anext__()
    oldest = refused.value.oldest
    assert await everything(engine, oldest) == await everything(engine) != []
    with pytest.raises(TailOverflowError):
        await engine.feed(after=early)  # type: ignore[arg-type]
    await engine.crash()
    again = TestEngine(workflows=[worker], storage=memory.reopen(), clock=clock, limits=Limits(feed_commits=3))
    await again.open()
    assert len(await again.storage.scan("feed/")) == 3, "an owner that keeps fewer drops the others when it opens"
    await again.signal("r", go)
    await again.settle()
    assert len(await again.storage.scan("feed/")) == 3
    assert len(await again.history("r")) == 64, "the run's own history is whole"
    await again.close()


async def test_a_slow_consumer_that_the_feed_has_left_behind_is_told_where_to_go_on() -> None:
    async with TestEngine(workflows=[worker], limits=Limits(feed_commits=5)) as engine:
        tail = EventTail(engine.events, FeedSource(engine.reader.feed), (1, 0), lambda event: event, None, 3)
        await engine.start(worker, 20)
        with pytest.raises(TailOverflowError) as behind:
            await take(tail, 40)
        await engine.settle()
        with pytest.raises(TailOverflowError) as behind:
            await take(tail, 1)
        resumed = engine.tail(after=behind.value.oldest)
        assert (await take(resumed, 1))[0].type
        assert "runs' histories" in str(behind.value) and behind.value.cursor in str(behind.value)


@pytest.mark.parametrize("cursor", ["", "x", "1", "-1.0", "1.-2", "1.2.3", 7, b"1.0", "ff.0", 1.5])
async def test_a_cursor_that_is_none_or_of_another_store_is_refused(cursor: Any) -> None:
    async with TestEngine(workflows=[worker]) as engine:
        await engine.start(worker, 1)
        await engine.settle()
        with pytest.raises(InvalidInputError):
            await engine.tail(after=cursor).__anext__()
        with pytest.raises(InvalidInputError):
            await engine.feed(after=cursor)


@pytest.mark.parametrize("after", ["1", -1, 1.5, "oldest"])
async def test_a_run_is_followed_from_a_number(after: Any) -> None:
    async with TestEngine(workflows=[worker]) as engine:
        with pytest.raises(InvalidInputError, match="number"):
            engine.tail("r", after=after)


async def test_a_run_that_is_not_there_is_no_empty_tail() -> None:
    async with TestEngine(workflows=[worker]) as engine:
        with pytest.raises(RunNotFoundError):
            await engine.tail("nobody").__anext__()


async def test_a_tail_says_what_stopped_its_engine_after_all_that_is_stored() -> None:
    engine = TestEngine(workflows=[worker])
    async with engine:
        await engine.start(worker, 2, True)
        await engine.settle()
        tail = engine.tail(after="oldest")
        waiting = asyncio.ensure_future(_collect(engine.tail(), []))
        await asyncio.sleep(0)
    with pytest.raises(EngineClosedError):
        await waiting
    events: list[Any] = []
    with pytest.raises(EngineClosedError):
        await _collect(tail, events)
    assert len(events) == 5


async def test_a_tail_has_one_consumer_ends_when_it_is_closed_and_keeps_nothing_when_it_is_dropped() -> None:
    async with TestEngine(workflows=[worker]) as engine:
        async with engine.tail() as tail:
            first = asyncio.ensure_future(tail.__anext__())
            await asyncio.sleep(0)
            with pytest.raises(OperationMisuseError, match="one consumer"):
                await tail.__anext__()
            await tail.aclose()
            with pytest.raises(StopAsyncIteration):
                await first
        await engine.start(worker, 1, True, id="r")
        tails = [engine.tail(after="oldest"), engine.tail("r")]
        for tail in tails:
            async for _ in tail:
                break
        assert len(engine.events._hearers()) == 2
        tails.clear()
        del tail
        gc.collect()
        assert engine.events._hearers() == [] and engine.events._of_run == {}


async def test_G18_damaged_events_are_reported_in_the_feed_and_the_others_go_on() -> None:
    memory = MemoryStorage()
    async with TestEngine(workflows=[worker], storage=memory) as engine:
        for run_id in ("a", "b"):
            await (await engine.start(worker, 1, id=run_id)).result()
        whole = await everything(engine)
        await memory.put(keys.log("a", 1), b"junk")
        await memory.put(keys.feed(2), b"junk")
        tail = engine.tail(after="oldest")
        events = await take(tail, 1)
        assert isinstance(events[0], EventsUnreadable) and (events[0].run_id, events[0].seq) == ("a", 1)
        assert events[0].error["code"] == "CorruptRecordError" and events[0].count > 0
        rest = await everything(engine, str(tail.cursor))
        assert rest[0]["type"] == "events_unreadable" and rest[0]["run_id"] == ""
        assert rest[1:] == whole[-len(rest) + 1 :]


async def test_what_was_purged_of_a_run_is_left_out_and_cursors_still_fit() -> None:
    memory = MemoryStorage()
    async with TestEngine(workflows=[worker], storage=memory) as engine:
        await asyncio.gather(*[engine.start(worker, 2, id=f"run-{n}") for n in range(4)])
        await engine.settle()
        tail = engine.tail(after="oldest")
        await take(tail, 9)
        rest = [e for e in await everything(engine, str(tail.cursor)) if e["run_id"] != "run-1"]
        await memory.delete_prefix(keys.log_prefix("run-1"))
        assert await everything(engine, str(tail.cursor)) == rest
        for n in (0, 2, 3):
            await memory.delete_prefix(keys.log_prefix(f"run-{n}"))
        page = await engine.feed(limit=3)
        assert page.events == [] and page.more
        await engine.start(worker, 0, id="last")
        again = engine.tail(after="oldest")
        assert [event.run_id for event in await take(again, 2)] == ["last", "last"]


async def test_the_events_of_a_purged_run_are_not_those_of_a_later_one_with_its_id() -> None:
    async with TestEngine(workflows=[worker]) as engine:
        await (await engine.start(worker, 1, id="r")).result()
        await engine.purge("r")
        await engine.advance_time(1)
        await (await engine.start(worker, 1, id="r")).result()
        assert await everything(engine) == await engine.history("r")


async def test_the_example_of_the_page_on_events_runs() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "events.md").read_text("utf-8")
    body = page[page.index("```python\n") + 10 : page.index("```\n", page.index("```python\n") + 5)]
    body += "await run_more()\n"
    # what never ends by itself ends here when it has seen what is new
    body = body.replace("print(done.run_id,", "enough.set(); break; print(done.run_id,")
    body = body.replace(
        "    saved_cursor = tail.cursor", "    saved_cursor = tail.cursor\n    if len(handled) == 4: break"
    )
    names: dict[str, Any] = {"printed": []}
    exec("async def example(engine, saved_cursor, handle, handled, print, enough, run_more):\n"  # noqa: S102
         + textwrap.indent(body, "    ") + "    return stop, saved_cursor\n", names)  # fmt: skip
    async with TestEngine(workflows=[worker]) as engine:
        await (await engine.start(worker, 1, id="order-1")).result()
        shown: list[Any] = []
        handled: list[Event] = []
        enough = asyncio.Event()

        async def handle(event: Event) -> None:
            handled.append(event)

        async def run_more() -> None:
            await (await engine.start(worker, 2, id="order-2")).result()

        example = names["example"](
            engine, "oldest", handle, handled, lambda *args: shown.append(args), enough, run_more
        )
        running = asyncio.ensure_future(example)
        while not enough.is_set():
            await engine.start(worker, 1)
            await engine.settle()
        stop, cursor = await asyncio.wait_for(running, 5)
        assert [line for line in shown if line[0] in (1, 4)] == [(1, "run_started"), (4, "run_completed")]
        assert [event.seq for event in handled] == [1, 2, 3, 4] and cursor != "oldest"
        assert shown[-1] == ("order-2", 1)
        stop()


async def test_the_wire_pages_through_the_feed() -> None:
    async with TestEngine(workflows=[worker]) as engine:
        wire = Dispatcher(engine)

        async def call(**params: Any) -> Any:
            return json.loads(await wire.call("events", json.dumps(params)))

        await engine.start(worker, 2, True, id="r")
        await engine.settle()
        first = (await call(limit=2))["ok"]
        second = (await call(after=first["cursor"]))["ok"]
        assert first["more"] and not second["more"]
        assert first["events"] + second["events"] == await engine.history("r")
        now = (await call(after="now"))["ok"]
        assert now == {"events": [], "cursor": now["cursor"], "more": False}
        await engine.signal("r", go)
        await engine.settle()
        assert [e["type"] for e in (await call(after=now["cursor"], types=["run_completed"]))["ok"]["events"]] == [
            "run_completed"
        ]
        for wrong in ({"limit": 0}, {"limit": "x"}, {"after": 5}, {"types": ["x"]}, {"types": 5}):
            assert (await call(**wrong))["error"]["code"] == "InvalidInputError", wrong

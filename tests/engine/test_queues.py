"""Queues of activities: limits, priority, fairness, rates; over crashes and restarts, without a look at a clock."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.attempts_journey import let_run, pass_time
from tests.engine.invariants import Invariants
from weft_core import Context, Interceptor, RetryPolicy, activity, activity_info, load_source, queue, workflow
from weft_core.client import Dispatcher
from weft_core.engine.queues.line import Line
from weft_core.errors import (
    ActivityTotalTimeoutError,
    DefinitionError,
    DuplicateDefinitionError,
    InvalidInputError,
    QueueNotDeclaredError,
    RunCancelledError,
    RunHeldError,
    RunTerminatedError,
)
from weft_core.machine.effects import JoinQueue
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine, VirtualClock, assert_survives_every_crash

ONCE = RetryPolicy(max_attempts=1)


class Room:
    """Attempts come in and stay until they are let go; it counts how many there are."""

    def __init__(self) -> None:
        self.inside: dict[str, asyncio.Future[None]] = {}
        self.order: list[str] = []
        self.most = 0
        self.keys: Counter[str] = Counter()

    async def stay(self, name: str) -> str:
        self.order.append(name)
        done = self.inside[name] = asyncio.get_running_loop().create_future()
        self.most = max(self.most, len(self.inside))
        try:
            await done
        finally:
            del self.inside[name]
        return name

    async def let_go(self, *names: str) -> None:
        for name in names or tuple(self.inside):
            self.inside[name].set_result(None)
        await let_run()


room = Room()


@pytest.fixture(autouse=True)
def _new_room() -> None:
    global room
    room = Room()


@activity(retry=ONCE)
async def stay(name: str) -> str:
    return await room.stay(name)


@activity(retry=RetryPolicy(max_attempts=2, initial_interval=10, jitter=0))
async def stumble(name: str) -> str:
    room.order.append(f"{name} {activity_info().attempt}")
    if activity_info().attempt == 1:
        raise ValueError(name)
    return name


@activity(queue="gpu", priority=2, key=lambda customer, name: customer, retry=ONCE)
async def declared(customer: str, name: str) -> str:
    return await room.stay(name)


@workflow
async def visit(ctx: Context, name: str, where: dict[str, Any]) -> str:
    return await ctx.run(stay, name, **where)


@workflow
async def visit_declared(ctx: Context, customer: str, name: str) -> str:
    return await ctx.run(declared, customer, name)


@workflow
async def visits(ctx: Context, names: list[str], where: dict[str, Any]) -> list[str]:
    return await ctx.all([ctx.run(stay, name, **where) for name in names])


@workflow
async def stumbles(ctx: Context, name: str) -> str:
    return await ctx.run(stumble, name, queue="gpu")


GPU = {"queue": "gpu"}
WORKFLOWS = [visit, visit_declared, visits, stumbles]


def engine_with(*queues: Any, **options: Any) -> TestEngine:
    return TestEngine(workflows=WORKFLOWS, queues=queues, **options)


async def start(engine: TestEngine, *names: str, **where: Any) -> None:
    for name in names:
        await engine.start(visit, name, {**GPU, **where}, id=name)
    await let_run()


# ------------------------------------------------------------------ limits


async def test_no_more_attempts_run_at_once_than_the_queue_allows_and_the_next_begins_when_one_ends() -> None:
    async with engine_with(queue("gpu", concurrency=2)) as engine:
        await start(engine, *"abcde")
        assert room.order == ["a", "b"]
        await room.let_go("b")
        assert room.order == ["a", "b", "c"]
        await room.let_go("a", "c")
        assert room.order == list("abcde") and room.most == 2
        await room.let_go()
        for name in "abcde":
            assert await engine.get_handle(name).result() == name


async def test_audit_40_a_key_has_a_limit_of_its_own() -> None:
    """The original had no concurrency keys."""
    async with engine_with(queue("gpu", concurrency=3, key_concurrency=1)) as engine:
        await start(engine, "a1", "a2", "a3", key="a")
        await start(engine, "b1", "b2", key="b")
        assert room.order == ["a1", "b1"]
        assert engine.queues()["gpu"]["keys"] == {"a": {"depth": 2, "running": 1}, "b": {"depth": 1, "running": 1}}
        await room.let_go("a1")
        assert room.order == ["a1", "b1", "a2"]
        await room.let_go()
        await room.let_go()
        assert room.order[3:] == ["b2", "a3"] or room.order[3:] == ["a3", "b2"]
        await room.let_go()


async def test_the_higher_priority_comes_first() -> None:
    async with engine_with(queue("gpu", concurrency=1)) as engine:
        await start(engine, "first")
        await start(engine, "low", priority=-1)
        await start(engine, "middle")
        await start(engine, "high", priority=7)
        for _ in range(4):
            await room.let_go()
        assert room.order == ["first", "high", "middle", "low"]


async def test_among_equals_the_keys_take_turns_and_a_key_is_served_in_order_of_arrival() -> None:
    async with engine_with(queue("gpu", concurrency=1)) as engine:
        await start(engine, "first")
        await start(engine, "a1", "a2", "a3", key="a")
        await start(engine, "b1", key="b")
        await start(engine, "c1", "c2", key="c")
        for _ in range(7):
            await room.let_go()
        assert room.order == ["first", "a1", "b1", "c1", "a2", "c2", "a3"]


async def test_a_declared_activity_brings_its_queue_its_priority_and_its_key() -> None:
    async with engine_with(queue("gpu", concurrency=2, key_concurrency=1)) as engine:
        await start(engine, "plain", "plain2")
        for customer, name in (("a", "a1"), ("a", "a2"), ("b", "b1")):
            await engine.start(visit_declared, customer, name, id=name)
        await start(engine, "later")
        await room.let_go("plain")
        await room.let_go("plain2")
        assert room.order == ["plain", "plain2", "a1", "b1"]
        await room.let_go("a1")
        assert room.order[-1] == "a2"
        for _ in range(2):
            await room.let_go()
        assert room.order[-1] == "later"


async def test_branches_of_one_run_wait_like_the_attempts_of_others() -> None:
    async with engine_with(queue("gpu", concurrency=2)) as engine:
        handle = await engine.start(visits, ["a", "b", "c"], GPU)
        await let_run()
        assert room.order == ["a", "b"]
        await room.let_go()
        await room.let_go()
        assert await handle.result() == ["a", "b", "c"]


# ------------------------------------------------------------------ rates


async def test_a_rate_is_kept_in_virtual_time_and_nobody_polls() -> None:
    async with engine_with(queue("gpu", rate="3/s")) as engine:
        begun: list[int] = []
        engine.watcher = None
        engine.mock(stay, lambda name: begun.append(engine.clock.now_ms()))
        born = engine.clock.now_ms()
        for name in "abcdefgh":
            await engine.start(visit, name, GPU, id=name)
        await engine.settle()
        assert len(begun) == 3, "the bucket is full at first"
        assert engine.clock.next_deadline() == born + 334, "it wakes when there is a token, and not before"
        await engine.advance_time(10)
        assert [at - born for at in begun] == [0, 0, 0, 334, 667, 1001, 1334, 1667]
        assert engine.clock.next_deadline() is None


async def test_a_rate_survives_a_restart_so_that_a_crashing_engine_is_no_faster() -> None:
    clock, rows = VirtualClock(), MemoryStorage()
    begun: list[str] = []
    for _ in range(3):
        engine = engine_with(queue("gpu", rate=(2, "10 s")), clock=clock, storage=rows.reopen())
        engine.mock(stay, begun.append)
        await engine.open()
        for name in "ab":
            await engine.start(visit, name, GPU)
        await engine.settle()
        await engine.crash()
    assert begun == ["a", "b"]
    clock.advance_to(clock.now_ms() + 5_000)
    engine = engine_with(queue("gpu", rate=(2, "10 s")), clock=clock, storage=rows.reopen())
    engine.mock(stay, begun.append)
    async with engine:
        await engine.settle()
        assert begun == ["a", "b", "a"]
        await engine.advance_time("15 s")
        assert sorted(begun) == ["a", "a", "a", "b", "b", "b"]


@pytest.mark.parametrize("rate", ["10/s", "10/1 s", (10, "1 second"), (10, 1), " 10 / 1000 ms ", "10/second"])
def test_a_rate_is_read_as_people_write_it(rate: Any) -> None:
    assert queue("gpu", rate=rate).rate == (10, 1000)


@pytest.mark.parametrize(
    "rate", ["ten/s", "10", "10/", "0/s", (1.5, "1 s"), (True, 1), 10, "10/0 s", (1, "soon"), "1/x"]
)
def test_a_rate_that_cannot_be_read_is_refused(rate: Any) -> None:
    with pytest.raises(DefinitionError, match="rate of queue gpu"):
        queue("gpu", rate=rate)


# ------------------------------------------------------------------ places are given back


async def test_who_is_cancelled_terminated_or_out_of_time_gives_place_and_queue_back() -> None:
    async with engine_with(queue("gpu", concurrency=1)) as engine:
        await start(engine, *"abcdefg")
        await engine.cancel("a")  # it runs
        await engine.cancel("b")  # it waits: or it is just being told that its turn has come
        await let_run()
        assert room.order[:2] == ["a", "c"] and list(room.inside) == ["c"]
        await engine.terminate("d")  # it waits
        await engine.terminate("c")  # it runs
        await let_run()
        assert list(room.inside) == ["e"] and engine.queues()["gpu"]["depth"] == 2
        await room.let_go("e")
        await room.let_go("f")
        await room.let_go("g")
        assert engine.queues()["gpu"] | {"keys": {}} == {
            "depth": 0, "running": 0, "paused": False, "concurrency": 1, "key_concurrency": None, "rate": None,
            "keys": {},
        }  # fmt: skip
        with pytest.raises(RunCancelledError):
            await engine.get_handle("b").result()
        with pytest.raises(RunTerminatedError):
            await engine.get_handle("d").result()


async def test_the_total_timeout_counts_from_the_call_and_the_timeout_from_the_start() -> None:
    async with engine_with(queue("gpu", concurrency=1)) as engine:
        await start(engine, "a")
        await start(engine, "b", timeout=30, total_timeout=60)
        await start(engine, "c", timeout=30)
        await pass_time(engine, 59)
        assert room.order == ["a"]
        await pass_time(engine, 1)
        with pytest.raises(Exception) as failed:
            await engine.get_handle("b").result()
        assert isinstance(failed.value.__cause__, ActivityTotalTimeoutError)
        assert failed.value.__cause__.facts["attempt"] == 0, "it has made none"
        await room.let_go("a")
        assert room.order == ["a", "c"], "its timeout of 30 s begins only now"
        await room.let_go("c")
        assert await engine.get_handle("c").result() == "c"


async def test_backoff_holds_no_place_and_a_retry_waits_like_all_others() -> None:
    async with engine_with(queue("gpu", concurrency=1)) as engine:
        await engine.start(stumbles, "s", id="s")
        await start(engine, "a", "b")
        assert room.order == ["s 1", "a"], "the place was free while it waits"
        await pass_time(engine, 10)
        assert (await engine.describe("s"))["waiting_for"][0]["phase"] == "queued"
        await room.let_go("a")
        await room.let_go("b")
        assert room.order == ["s 1", "a", "b", "s 2"]
        assert await engine.get_handle("s").result() == "s"


async def test_a_coroutine_that_is_cancelled_keeps_its_place_until_its_finally_blocks_have_run() -> None:
    leaving = asyncio.Event()

    async def slow_to_leave(name: str) -> str:
        try:
            return await room.stay(name)
        finally:
            if name == "a":
                await leaving.wait()

    async with engine_with(queue("gpu", concurrency=1)) as engine:
        engine.mock(stay, slow_to_leave)
        await start(engine, "a", "b")
        await engine.cancel("a")
        await let_run()
        assert room.order == ["a"], "it still uses what the queue protects"
        leaving.set()
        await let_run()
        assert room.order == ["a", "b"]
        await room.let_go()


async def test_a_thread_that_nobody_can_stop_keeps_its_place_until_it_returns() -> None:
    go = threading.Event()
    begun: list[str] = []

    @activity(retry=ONCE)
    def in_a_thread(name: str) -> None:
        begun.append(name)
        if name == "a":
            go.wait(5)

    @workflow
    async def blocks(ctx: Context, name: str) -> None:
        await ctx.run(in_a_thread, name, queue="gpu")

    engine = TestEngine(workflows=[blocks], activities=[in_a_thread], queues=[queue("gpu", concurrency=1)])
    assert engine._host is not None
    object.__setattr__(engine._host, "run_blocking", asyncio.to_thread)
    async with engine:
        handle = await engine.start(blocks, "a")
        other = await engine.start(blocks, "b")
        while not begun:
            await asyncio.sleep(0.001)
        await engine.cancel(handle.id)
        await let_run()
        assert begun == ["a"] and engine.queues()["gpu"]["running"] == 1
        go.set()
        await other.result()
        assert begun == ["a", "b"]


async def test_an_interceptor_that_refuses_an_attempt_gives_its_place_back() -> None:
    class Refuses(Interceptor):
        async def activity(self, info: Any, args: Any, next: Any) -> Any:
            if args == ("a",):
                raise PermissionError("not today")
            return await next(*args)

    async with engine_with(queue("gpu", concurrency=1), interceptors=[Refuses()]) as engine:
        await start(engine, "a", "b")
        assert room.order == ["b"]
        await room.let_go()


# ------------------------------------------------------------------ crashes and restarts


async def test_who_waits_at_a_crash_waits_again_in_the_same_order_uncounted() -> None:
    rows, clock = MemoryStorage(), VirtualClock()
    engine = engine_with(queue("gpu", concurrency=1), storage=rows.reopen(), clock=clock)
    await engine.open()
    engine.mock(stay, lambda name: asyncio.sleep(3600))
    names = ["z", "y", "b", "x", "a"]  # neither the order of their ids nor of the store
    await start(engine, *names)
    view = Invariants().check(rows.rows())
    assert [view.parked[name]["places"][0][5][:2] for name in names] == [[0, 1], *[[6, 0]] * 4]
    await engine.crash()
    async with engine_with(queue("gpu", concurrency=1), storage=rows.reopen(), clock=clock) as engine:
        await let_run()
        with pytest.raises(Exception, match="cut off"):
            await engine.get_handle("z").result()
        for _ in range(4):
            await room.let_go()
        assert room.order == ["y", "b", "x", "a"]
        for name in names[1:]:
            begun = [e for e in await engine.history(name) if e["type"] == "activity_scheduled"]
            assert [e["attempt"] for e in begun] == [1]


@workflow
async def four_in_two(ctx: Context) -> list[str]:
    first = await ctx.run(brief, "a", queue="gpu", key="k", total_timeout="1 h")
    return [first, *await ctx.all([ctx.run(brief, name, queue="gpu", priority=i) for i, name in enumerate("bcd")])]


@activity(retry=RetryPolicy(max_attempts=3, initial_interval=1))
async def brief(name: str) -> str:
    if name == "c" and activity_info().attempt == 1:
        raise ValueError(name)
    return name


async def test_G4_a_run_with_queues_survives_a_crash_at_every_write() -> None:
    for policy in (queue("gpu", concurrency=1), queue("gpu", concurrency=2, key_concurrency=1, rate="2/s")):
        report = await assert_survives_every_crash(four_in_two, queues=[policy])
        assert report.result == ["a", "b", "c", "d"] and report.writes > 10


async def test_limits_may_change_between_restarts() -> None:
    rows, clock = MemoryStorage(), VirtualClock()
    engine = engine_with(queue("gpu", concurrency=1), storage=rows.reopen(), clock=clock)
    await engine.open()
    await start(engine, *"abc")
    await engine.close()
    room.order.clear()
    async with engine_with(queue("gpu"), storage=rows.reopen(), clock=clock) as engine:
        await let_run()
        assert room.order == ["b", "c"]
        await room.let_go()


async def test_a_queue_that_is_not_declared_holds_its_runs_until_it_is() -> None:
    rows, clock = MemoryStorage(), VirtualClock()
    logging.getLogger("weft").setLevel(logging.CRITICAL)
    engine = engine_with(queue("gpu", concurrency=1), storage=rows.reopen(), clock=clock)
    await engine.open()
    await start(engine, "a", "b")
    await engine.close()
    async with engine_with(storage=rows.reopen(), clock=clock) as engine:
        with pytest.raises(QueueNotDeclaredError, match="'gpu' is not declared with this engine; declared: \\[\\]"):
            await engine.start(visit, "new", GPU, id="new")
        for name in "b":
            with pytest.raises(RunHeldError, match="queue 'gpu' is not declared"):
                await engine.get_handle(name).result()
        with pytest.raises(QueueNotDeclaredError):
            await engine.pause_queue("gpu")
        assert engine.queues() == {}
    room.order.clear()
    async with engine_with(queue("gpu"), storage=rows.reopen(), clock=clock) as engine:
        await let_run()
        await room.let_go()
        assert await engine.get_handle("b").result() == "b"
    logging.getLogger("weft").setLevel(logging.NOTSET)


async def test_a_paused_queue_stays_paused_over_a_restart_and_what_runs_goes_on() -> None:
    rows, clock = MemoryStorage(), VirtualClock()
    engine = engine_with(queue("gpu", concurrency=1, rate="100/s"), storage=rows.reopen(), clock=clock)
    await engine.open()
    await start(engine, "a", "b")
    await engine.pause_queue("gpu")
    await room.let_go("a")
    assert await engine.get_handle("a").result() == "a" and room.order == ["a"]
    await engine.crash()
    async with engine_with(queue("gpu", concurrency=1), storage=rows.reopen(), clock=clock) as engine:
        await let_run()
        assert room.order == ["a"] and engine.queues()["gpu"]["paused"]
        await engine.resume_queue("gpu")
        await let_run()
        assert room.order == ["a", "b"]
        await room.let_go()


async def test_queues_are_seen_and_paused_over_the_wire() -> None:
    async with engine_with(queue("gpu", concurrency=1)) as engine:
        wire = Dispatcher(engine)
        await start(engine, "a", "b", key="k")
        assert await wire.call("pause_queue", '{"name": "gpu"}') == '{"ok": null}'
        told = await wire.call("queues", "{}")
        assert '"depth": 1' in told and '"paused": true' in told and '"k": {"depth": 1, "running": 1}' in told
        await wire.call("resume_queue", '{"name": "gpu"}')
        assert "QueueNotDeclaredError" in await wire.call("pause_queue", '{"name": "cpu"}')
        await room.let_go()
        await room.let_go()


# ------------------------------------------------------------------ what is refused


async def test_nonsense_is_refused_at_the_line_that_says_it() -> None:
    @workflow
    async def asks(ctx: Context, where: dict[str, Any]) -> str:
        try:
            return await ctx.run(stay, "never", **where)
        except InvalidInputError as refused:
            return str(refused)

    async with TestEngine(workflows=[asks], queues=[queue("gpu")]) as engine:
        assert "for those with a queue=" in await engine.run(asks, {"priority": 1})
        assert "no whole number" in await engine.run(asks, {"queue": "gpu", "priority": 1.5})
        assert "it must be text" in await engine.run(asks, {"queue": "gpu", "key": 7})
        assert room.order == []


def test_a_definition_that_cannot_be_is_refused() -> None:
    for nonsense in ({"concurrency": 0}, {"concurrency": True}, {"key_concurrency": "1"}):
        with pytest.raises(DefinitionError, match="at least 1"):
            queue("gpu", **nonsense)
    for name in ("", "a/b", None, "x" * 300):
        with pytest.raises(DefinitionError, match="cannot name a queue"):
            queue(name)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="for those with a queue="):
        activity(priority=1)(lambda: None)


async def test_two_queues_of_one_name_are_refused() -> None:
    with pytest.raises(DuplicateDefinitionError):
        await engine_with(queue("gpu"), queue("gpu")).open()


async def test_the_page_on_queues_runs() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "queues.md").read_text("utf-8")
    module = load_source("page_on_queues", "\n\n".join(re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)))
    await module.main(MemoryStorage())
    await module.edits(MemoryStorage())
    await module.month_end(MemoryStorage())


# ------------------------------------------------------------------ whose turn it is


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_line_keeps_its_limits_its_order_and_starves_nobody(data: st.DataObject) -> None:
    draw = data.draw
    limit, key_limit = draw(st.none() | st.integers(1, 3)), draw(st.none() | st.integers(1, 2))
    rate = draw(st.none() | st.tuples(st.integers(1, 4), st.sampled_from([1, 7, 1000])))
    line = Line(queue("q", concurrency=limit, key_concurrency=key_limit, rate=rate and (rate[0], rate[1] / 1000)))
    now, tickets = 0, 0
    waiting: dict[int, JoinQueue] = {}
    running: list[JoinQueue] = []
    begun: list[int] = []
    for _ in range(draw(st.integers(1, 60))):
        action = draw(st.sampled_from(["join", "join", "take", "take", "end", "leave", "wait"]))
        if action == "join":
            tickets += 1
            key = draw(st.sampled_from(["a", "b", "c", None]))
            waiting[tickets] = JoinQueue("run", 0, tickets, "q", draw(st.integers(0, 1)), key, tickets)
            line.join(waiting[tickets])
        elif action == "leave" and waiting:
            gone = draw(st.sampled_from(sorted(waiting)))
            line.leave(("run", gone))
            del waiting[gone]
        elif action == "end" and running:
            line.give_back(running.pop(draw(st.integers(0, len(running) - 1))).key)
        elif action == "wait":
            now += draw(st.sampled_from([1, 500, 10**6]))
        elif action == "take":
            per_key = Counter(entry.key for entry in running)
            may = [
                e for e in waiting.values() if key_limit is None or e.key is None or per_key[e.key] < key_limit
            ]  # fmt: skip
            full = limit is not None and len(running) >= limit
            taken = line.take(now)
            if taken is None:
                wake = line.wake_at()
                assert full or not may or (wake is not None and wake > now), "somebody could have had a place"
                continue
            assert not full and taken in may
            assert taken.priority == max(e.priority for e in may)
            ahead = [e for e in may if (e.key, e.priority) == (taken.key, taken.priority)]
            assert taken.ticket == min(e.ticket for e in ahead), "within a key in order of arrival"
            running.append(waiting.pop(taken.ticket))
            begun.append(now)
            if rate is not None:
                period = rate[1] * 1000
                for first in begun:  # a bucket: what it holds, and what flowed in meanwhile
                    inside = sum(first <= at for at in begun)
                    assert inside <= rate[0] + (now - first) * rate[0] / period + 1e-6
    assert len(line.waiting) == len(waiting)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=40))
def test_keys_take_turns_however_they_arrive(keys: list[str]) -> None:
    line = Line(queue("q", concurrency=1))
    for i, key in enumerate(keys):
        line.join(JoinQueue("run", 0, i, "q", 0, key, i))
    left, last_turn = Counter(keys), dict.fromkeys("abc", -1)
    for turn in range(len(keys)):
        entry = line.take(0)
        assert entry is not None and entry.key is not None
        waiting_longer = [k for k in left if left[k] and last_turn[k] < last_turn[entry.key]]
        assert not waiting_longer, f"{entry.key} was served before {waiting_longer}"
        left[entry.key] -= 1
        last_turn[entry.key] = turn
        line.give_back(entry.key)
    assert line.take(0) is None

"""Streams: durable, numbered without a gap, followed over restarts; readers are told what a failed attempt wrote."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tests.engine.invariants import Invariants
from weft_core import Context, RetryPolicy, StreamItem, StreamRef, activity, activity_info, load_source, workflow
from weft_core.client import Dispatcher
from weft_core.errors import (
    EngineClosedError,
    InvalidInputError,
    LimitExceededError,
    OperationMisuseError,
    PayloadTooLargeError,
    RunFailedError,
    RunNotFoundError,
)
from weft_core.model.limits import Limits
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine, assert_survives_every_crash

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "streams.md"
PATIENT = RetryPolicy(max_attempts=100, initial_interval=1, backoff=1, jitter=0)


def rows_of(engine: TestEngine) -> dict[str, bytes]:
    assert isinstance(engine.storage, MemoryStorage)
    return engine.storage.rows()


def final(items: list[StreamItem]) -> list[Any]:
    """What a reader shows that obeys resets."""
    shown: list[StreamItem] = []
    for item in items:
        shown = [i for i in shown if i.step != item.step] if item.reset else [*shown, item]
    return [item.value for item in shown]


async def all_of(engine: TestEngine, run_id: str, name: str, limit: int = 256) -> list[StreamItem]:
    items: list[StreamItem] = []
    after = 0
    while True:
        page = await engine.read_stream(run_id, name, after=after, limit=limit)
        items += page.items
        assert [i.seq for i in items] == list(range(1, len(items) + 1)), "no gap, none twice"
        if page.cursor == after or page.ended:
            return items
        after = page.cursor


@activity(retry=PATIENT)
async def tokens(words: list[str], fails: int = 0) -> int:
    info = activity_info()
    sink = info.stream("tokens")
    for word in words:
        await sink.write(word)
        await asyncio.sleep(0)
    if info.attempt <= fails:
        raise ValueError("cut off")
    return len(words)


@workflow
async def speak(ctx: Context, fails: int = 0) -> list[int]:
    progress = ctx.stream("progress")
    progress.write({"done": 0})
    counts = [await ctx.run(tokens, ["the", "quick"], fails)]
    progress.write({"done": 1})
    await ctx.sleep(1)
    counts.append(await ctx.run(tokens, ["fox"]))
    progress.write({"done": 2})
    progress.close()
    return counts


async def test_what_activities_and_the_workflow_write_is_read_in_pages_and_kept_until_the_purge() -> None:
    async with TestEngine(workflows=[speak]) as engine:
        handle = await engine.start(speak, id="s")
        await engine.advance_time(1)
        assert await handle.result() == [2, 1]
        for limit in (1, 2, 3, 256):
            items = await all_of(engine, "s", "tokens", limit)
            assert [(i.value, i.step) for i in items] == [("the", 1), ("quick", 1), ("fox", 3)]
            assert final(await all_of(engine, "s", "progress", limit)) == [{"done": n} for n in range(3)]
        assert (await engine.read_stream("s", "nothing")).items == []
        with pytest.raises(RunNotFoundError):
            await engine.read_stream("nobody", "tokens")
        for wrong in ({"after": -1}, {"limit": 0}, {"limit": 1001}, {"after": "x"}):
            with pytest.raises(InvalidInputError):
                await engine.read_stream("s", "tokens", **wrong)  # type: ignore[arg-type]
        Invariants().check(rows_of(engine))
        await engine.purge("s")
        assert not [k for k in rows_of(engine) if k.startswith("stream/")]


async def test_a_failed_attempt_is_followed_by_a_reset_in_the_commit_that_records_the_failure() -> None:
    async with TestEngine(workflows=[speak]) as engine:
        await engine.start(speak, 2, id="s")
        await engine.advance_time(3)
        items = await all_of(engine, "s", "tokens")
        shown = ["-" if i.reset else i.value for i in items]
        assert shown == ["the", "quick", "-", "the", "quick", "-", "the", "quick", "fox"]
        assert final(items) == ["the", "quick", "fox"]


async def test_what_an_activity_wrote_that_finally_failed_is_void() -> None:
    @activity(retry=RetryPolicy(max_attempts=1))
    async def hopeless() -> None:
        await activity_info().stream("tokens").write("promise")
        raise ValueError("broken")

    @workflow(name="hopeful")
    async def hopeful(ctx: Context) -> None:
        await ctx.run(hopeless)

    async with TestEngine(workflows=[hopeful], activities=[hopeless]) as engine:
        with pytest.raises(RunFailedError):
            await (await engine.start(hopeful, id="h")).result()
        items = await all_of(engine, "h", "tokens")
        assert [(i.value, i.reset) for i in items] == [("promise", False), (None, True)]


async def test_a_crash_at_every_write_leaves_each_token_once() -> None:
    seen: list[list[Any]] = []

    async def drive(engine: TestEngine, handle: Any) -> None:
        await engine.run_to_end(handle)
        seen.append([final(await all_of(engine, handle.id, name)) for name in ("tokens", "progress")])

    report = await assert_survives_every_crash(speak, drive=drive)
    assert report.result == [2, 1]
    complete = [["the", "quick", "fox"], [{"done": n} for n in range(3)]]
    assert seen and all(s == complete for s in seen), seen


async def test_an_attempt_that_was_cut_off_by_a_crash_is_void_and_one_from_before_it_writes_nothing_more() -> None:
    gates = [asyncio.Event() for _ in range(3)]

    @activity(retry=PATIENT)
    async def slow() -> str:
        info = activity_info()
        await info.stream("t").write(f"attempt {info.attempt}")
        await gates[info.attempt].wait()
        await info.stream("t").write("late")
        return "done"

    @workflow(name="slowly")
    async def slowly(ctx: Context) -> str:
        return await ctx.run(slow)

    async with TestEngine(workflows=[slowly], activities=[slow]) as engine:
        handle = await engine.start(slowly, id="s")
        await asyncio.sleep(0.01)
        assert final(await all_of(engine, "s", "t")) == ["attempt 1"]
        await engine.crash()
        await engine.open()
        gates[1].set()
        gates[2].set()
        assert await handle.result() == "done"
        assert final(await all_of(engine, "s", "t")) == ["attempt 2", "late"]


async def test_a_tail_gives_everything_once_over_restarts_and_ends_with_the_run() -> None:
    @workflow(name="ticking", signals=("go",))
    async def ticking(ctx: Context, times: int) -> None:
        stream = ctx.stream("ticks")
        for i in range(times):
            stream.write(i)
            await ctx.sleep(1)

    got: list[Any] = []
    async with TestEngine(workflows=[ticking]) as engine:
        await engine.start(ticking, 6, id="t")
        await engine.advance_time(1)
        cursor = 0
        for _ in range(2):
            async with engine.tail_stream("t", "ticks", after=cursor) as tail:
                reader = asyncio.create_task(_collect(tail, got))
                await engine.advance_time(1)
                cursor = tail.cursor
                await engine.crash_and_recover()
                await asyncio.sleep(0)
                await engine.advance_time(1)
                cursor = tail.cursor
                reader.cancel()
                await asyncio.gather(reader, return_exceptions=True)
        last = asyncio.create_task(_collect(engine.tail_stream("t", "ticks", after=cursor), got))
        await engine.advance_time(10)
        await asyncio.wait_for(last, 5)
        assert got == list(range(6))
        assert [i.value async for i in engine.tail_stream("t", "ticks")] == list(range(6)), "also after the end"


async def _collect(tail: Any, into: list[Any]) -> None:
    async for item in tail:
        into.append(item.value)


async def test_a_tail_ends_when_the_stream_is_closed_though_the_run_goes_on() -> None:
    @workflow(name="closing")
    async def closing(ctx: Context) -> str:
        stream = ctx.stream("s")
        stream.write(1)
        stream.close()
        try:
            stream.write(2)
        except OperationMisuseError as error:
            await ctx.sleep("1 day")
            return str(error.facts["reason"])
        return "open"

    async with TestEngine(workflows=[closing]) as engine:
        handle = await engine.start(closing, id="c")
        assert [i.value async for i in engine.tail_stream("c", "s")] == [1]
        assert [i.value async for i in engine.tail_stream("c", "s", after=2)] == []
        await engine.crash_and_recover()
        await engine.advance_time("1 day")
        assert await handle.result() == "it is closed"


async def test_a_tail_tells_why_it_ends_when_the_engine_closes() -> None:
    engine = TestEngine(workflows=[speak])
    await engine.open()
    await engine.start(speak, id="s")
    tail = engine.tail_stream("s", "progress")
    assert (await anext(tail)).value == {"done": 0}
    assert (await anext(tail)).value == {"done": 1}
    waiting = asyncio.create_task(anext(tail))
    await asyncio.sleep(0)
    with pytest.raises(OperationMisuseError):
        await anext(tail)
    await engine.close()
    with pytest.raises(EngineClosedError):
        await waiting


async def test_many_chunks_cost_few_commits_and_no_checkpoint() -> None:
    @activity
    async def flood(count: int) -> None:
        sink = activity_info().stream("flood")
        for i in range(count):
            await sink.write(i)
            if i % 100 == 0:
                await asyncio.sleep(0)

    @workflow(name="flooded")
    async def flooded(ctx: Context, ballast: str, count: int) -> int:
        await ctx.run(flood, count)
        return len(ballast)

    async with TestEngine(workflows=[flooded], activities=[flood]) as engine:
        commits = engine.diagnostics()["commits"]
        handle = await engine.start(flooded, "x" * 100_000, 2000, id="f")
        assert await handle.result() == 100_000
        assert engine.diagnostics()["commits"] - commits < 60
        assert [i.value for i in await all_of(engine, "f", "flood")] == list(range(2000))


async def test_a_function_in_a_thread_writes_no_faster_than_is_stored() -> None:
    @activity
    def plain(count: int) -> str:
        sink = activity_info().stream("lines")
        for i in range(count):
            sink.write(f"{i}" + "x" * 10_000)
        return "done"

    @workflow(name="threaded")
    async def threaded(ctx: Context) -> str:
        return await ctx.run(plain, 200)

    async with TestEngine(workflows=[threaded], activities=[plain]) as engine:
        assert await (await engine.start(threaded, id="t")).result() == "done"
        lines = [i.value for i in await all_of(engine, "t", "lines", 50)]
        assert [line.partition("x")[0] for line in lines] == [str(i) for i in range(200)]


async def test_branches_write_to_one_stream_and_a_reset_voids_its_own_step_alone() -> None:
    @workflow(name="both")
    async def both(ctx: Context) -> None:
        await ctx.all([ctx.run(tokens, ["a", "b"], 1), ctx.run(tokens, ["c", "d"])])

    async with TestEngine(workflows=[both]) as engine:
        await engine.start(both, id="b")
        await engine.advance_time(5)
        items = await all_of(engine, "b", "tokens")
        assert sorted(final(items)) == ["a", "b", "c", "d"]
        assert sum(i.reset for i in items) == 1


async def test_a_branch_that_lost_a_race_leaves_nothing_that_counts() -> None:
    @activity
    async def endless() -> None:
        await activity_info().stream("t").write("thinking")
        await asyncio.Event().wait()

    @workflow(name="racing")
    async def racing(ctx: Context) -> Any:
        return (await ctx.race({"a": ctx.run(endless), "b": ctx.run(brief)}))[0]

    @activity
    async def brief() -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async with TestEngine(workflows=[racing], activities=[endless, brief]) as engine:
        handle = await engine.start(racing, id="r")
        assert await handle.result() == "b"
        assert [i.reset for i in await all_of(engine, "r", "t")] == [False, True]


async def test_one_step_runs_a_function_of_the_workflows_own_with_a_sink() -> None:
    @workflow(name="own")
    async def own(ctx: Context, words: list[str]) -> StreamRef:
        mark = "!"

        async def say(sink: Any, words: list[str]) -> None:
            for word in words:
                await sink.write(word + mark)

        ref = await ctx.stream("said", say, words)
        again = await ctx.stream("said", lambda sink: sink.write("plain"))
        await ctx.sleep(1)
        assert ref == again == ctx.stream("said").ref
        return ref

    async with TestEngine(workflows=[own]) as engine:
        handle = await engine.start(own, ["yes", "no"])
        await engine.crash_and_recover()
        await engine.advance_time(1)
        ref = await handle.result()
        assert ref == StreamRef(handle.id, "said")
        assert final(await all_of(engine, ref.run_id, ref.name)) == ["yes!", "no!", "plain"]


async def test_G19_limits_of_streams() -> None:
    @activity(retry=RetryPolicy(max_attempts=1))
    async def too_many(count: int) -> None:
        sink = activity_info().stream("many")
        for i in range(count):
            await sink.write(i)
        await sink.flush()

    @activity(retry=RetryPolicy(max_attempts=1))
    async def impatient() -> None:
        sink = activity_info().stream("fast")
        for _ in range(100):
            sink.write(b"x" * 100_000)  # never awaited

    @workflow(name="greedy")
    async def greedy(ctx: Context) -> list[str]:
        caught = []
        for name, value in (("a/b", 1), ("", 1), ("big", "x" * 200_000)):
            try:
                ctx.stream(name).write(value)
            except (OperationMisuseError, PayloadTooLargeError) as error:
                caught.append(type(error).__name__)
        for op in (ctx.run(too_many, 11), ctx.run(impatient)):
            try:
                await op
            except LimitExceededError as error:
                caught.append(error.facts["what"].partition("'")[0])
        for i in range(5):
            try:
                ctx.stream(f"s{i}").write(1)
            except LimitExceededError as error:
                caught.append(error.facts["what"])
        try:
            ctx.stream("t", tokens)
        except OperationMisuseError:
            caught.append("an activity is run by ctx.run")
        return caught

    limits = Limits(max_stream_chunk_bytes=150_000, max_stream_entries=10, max_streams=4)
    async with TestEngine(workflows=[greedy], activities=[too_many, impatient], limits=limits) as engine:
        assert await (await engine.start(greedy, id="g")).result() == [
            "OperationMisuseError", "OperationMisuseError", "PayloadTooLargeError", "stream ",
            "what is written to stream ", "the streams of a run", "the streams of a run", "the streams of a run",
            "an activity is run by ctx.run",
        ]  # fmt: skip
        Invariants().check(rows_of(engine))


async def test_a_run_that_takes_over_an_id_begins_with_empty_streams() -> None:
    async with TestEngine(workflows=[speak]) as engine:
        for _ in range(2):
            await engine.start(speak, id="s", on_conflict="restart")
            await engine.advance_time(1)
            assert final(await all_of(engine, "s", "tokens")) == ["the", "quick", "fox"]


async def test_over_the_wire() -> None:
    async with TestEngine(workflows=[speak]) as engine:
        await engine.start(speak, 1, id="s")
        await engine.advance_time(2)
        call = Dispatcher(engine).call
        answer = await call("stream_read", '{"id": "s", "name": "tokens", "after": 1, "limit": 2}')
        assert answer == (
            '{"ok": {"items": [{"seq": 2, "step": 2, "value": "quick"}, {"seq": 3, "step": 2, "reset": true}], '
            '"cursor": 3, "ended": false}}'
        ).replace('"step": 2', '"step": 1')


class Counting(MemoryStorage):
    """Counts how often entries of streams are looked for."""

    looks = 0

    async def scan(self, prefix: str, **how: Any) -> list[tuple[str, bytes]]:
        self.looks += "/progress/" in prefix
        return await super().scan(prefix, **how)


async def test_a_call_that_waits_looks_at_the_store_when_something_of_the_run_was_committed_and_not_before() -> None:
    """What a page's tailStream does: it does not ask again and again while nothing happens."""
    store = Counting()
    async with TestEngine(workflows=[speak], storage=store) as engine:
        await engine.start(speak, id="s")
        store.looks = 0
        waiting = asyncio.create_task(engine.read_stream("s", "progress", after=2, wait="1 minute"))
        await asyncio.sleep(0.05)
        idle = store.looks
        assert idle <= 4, "one reading, and a wait"
        await asyncio.sleep(0.05)
        assert (store.looks, waiting.done()) == (idle, False)
        await engine.start(speak, id="another")
        await asyncio.sleep(0.05)
        assert (store.looks, waiting.done()) == (idle, False), "others do not wake it"
        await engine.advance_time(2)
        page = await waiting
        assert [item.value for item in page.items] == [{"done": 2}]
        assert (await engine.read_stream("s", "progress", after=page.cursor, wait=30)).ended
        with pytest.raises(InvalidInputError, match="a call waits at most 60000 ms"):
            await engine.read_stream("s", "progress", wait="2 minutes")


async def test_a_call_that_waits_in_vain_answers_with_nothing() -> None:
    async with TestEngine(workflows=[speak]) as engine:
        await engine.start(speak, id="s")
        page = await engine.read_stream("s", "progress", after=2, wait=0.01)
        assert (page.items, page.cursor, page.ended) == ([], 2, False)


async def test_the_page_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    page = load_source("page_streams", blocks[0])
    async with TestEngine(workflows=[page.answer]) as engine:
        handle = await engine.start(page.answer, "why")
        body = "\n".join("    " + line for line in blocks[1].splitlines())
        scope: dict[str, Any] = {}
        exec(f"async def show(engine, run_id):\n{body}\n    return shown", scope)
        assert await scope["show"](engine, handle.id) == ["because ", "why"]
        assert await handle.result() == 2

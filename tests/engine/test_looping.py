"""Author's code that computes without a pause is ended where the engine is ready for it, and only its run is held.

The guard is the one of the browser; its signal comes from a timer of the processor here, and from Pyodide there.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from weft_browser.guard import SIGNAL, LoopGuard, in_authors_code, tick_s
from weft_core import Context, RetryPolicy, activity, activity_info, workflow
from weft_core import signal as declared
from weft_core.engine import Engine
from weft_core.errors import ActivityLoopingError, LoopingRunError, RunHeldError
from weft_core.model.messages import Recover
from weft_core.ports import Host, Stretch, default_host, enters_authors_code
from weft_core.storage import MemoryStorage

LIMIT_S = 0.2
go = declared("go")
calls: list[str] = []
endless = True


class Heard:
    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def looping(self, facts: dict[str, Any]) -> None:
        self.told.append(facts)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def host(heard: Heard) -> Iterator[Host]:
    """A host with the guard, whose blocking calls are made inline as in a browser."""
    found = default_host()

    async def inline(function: Any) -> Any:
        return function()

    host = Host(found.clock, found.ids, inline, Stretch())
    enters_authors_code(asyncio.Handle._run)  # tasks that an activity makes; in a browser the worker's own queue
    before = signal.getsignal(SIGNAL)
    LoopGuard(host.stretch, LIMIT_S, time.monotonic, heard).install()
    signal.setitimer(signal.ITIMER_VIRTUAL, tick_s(LIMIT_S), tick_s(LIMIT_S))
    calls.clear()
    globals()["endless"] = True
    yield host
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(SIGNAL, before)


@activity
async def note(text: str) -> str:
    calls.append(text)
    return text


@workflow
async def loops(ctx: Context) -> str:
    await ctx.run(note, "before")
    await ctx.wait_for_signal(go)
    while endless:
        pass
    return "out of the loop"


@workflow
async def stubborn(ctx: Context) -> str:
    await ctx.wait_for_signal(go)
    while True:
        try:
            sum(range(50))
        except BaseException:
            continue


@workflow
async def cleans_up(ctx: Context) -> str:
    await ctx.wait_for_signal(go)
    try:
        while True:
            pass
    finally:
        await ctx.run(note, "a step that the end of the loop would bring")


@workflow
async def at_once(ctx: Context) -> None:
    while True:
        pass


@workflow
async def ordinary(ctx: Context) -> str:
    return await ctx.run(note, "ordinary")


@activity(retry=RetryPolicy(max_attempts=5, initial_interval=0))
def spins() -> None:
    calls.append(f"spins {activity_info().attempt}")
    while True:
        pass


@activity(retry=RetryPolicy(max_attempts=5, initial_interval=0))
async def spins_later() -> None:
    await asyncio.sleep(0)
    calls.append("spins later")
    await asyncio.gather(asyncio.sleep(0.01), _spin())


async def _spin() -> None:
    await asyncio.sleep(0)
    while True:
        pass


@workflow
async def gives_work(ctx: Context, later: bool) -> str:
    try:
        await ctx.run(spins_later if later else spins)
    except ActivityLoopingError as error:
        return f"{error.activity} at {error.where.partition(':')[0]}"
    return "it ended"


@workflow
async def asked(ctx: Context) -> None:
    def never() -> None:
        while True:
            pass

    ctx.on_query("never", never)
    await ctx.wait_for_signal(go)


WORKFLOWS = [loops, stubborn, cleans_up, at_once, ordinary, gives_work, asked]


async def open_engine(host: Host, storage: MemoryStorage, **more: Any) -> Engine:
    return await Engine.create(
        host=host, storage=storage, workflows=more.pop("workflows", WORKFLOWS), close_storage=False, **more
    )


@pytest.mark.parametrize("looping", [loops, stubborn, cleans_up])
async def test_a_run_that_loops_is_held_at_its_checkpoint_and_others_go_on(host: Host, looping: Any) -> None:
    engine = await open_engine(host, MemoryStorage())
    run = await engine.start(looping)
    await run.signal(go)
    with pytest.raises(RunHeldError, match=r"computed for 0\.\d s without a pause, at test_looping\.py:\d+"):
        await run.result()
    info = await engine.describe(run.id)
    assert (info["status"], info["held"]["code"]) == ("held", "LoopingRunError")
    assert info["waiting_for"][0]["name"] == "go"
    assert await (await engine.start(ordinary)).result() == "ordinary"
    assert "a step that the end of the loop would bring" not in calls
    await engine.close()


async def test_a_held_run_stays_so_under_the_same_code_and_goes_on_when_it_is_resumed(host: Host) -> None:
    storage = MemoryStorage()
    engine = await open_engine(host, storage)
    run = await engine.start(loops)
    await run.signal(go)
    with pytest.raises(RunHeldError):
        await run.result()
    await engine.close()

    began = time.process_time()
    engine = await open_engine(host, storage)
    assert (await engine.describe(run.id))["status"] == "held"
    assert time.process_time() - began < LIMIT_S, "it was not tried again"
    globals()["endless"] = False
    await engine.resume(run.id)
    assert await engine.get_handle(run.id).result() == "out of the loop"
    assert calls == ["before"], "what was recorded was not done again"
    await engine.close()


async def test_a_held_run_goes_on_by_itself_when_the_store_is_opened_with_other_code(host: Host) -> None:
    storage = MemoryStorage()
    engine = await open_engine(host, storage)
    run = await engine.start(loops)
    await run.signal(go)
    with pytest.raises(RunHeldError):
        await run.result()
    await engine.close()
    globals()["endless"] = False

    @workflow
    async def is_new(ctx: Context) -> None:
        """Other durable functions, in place of a mended one."""

    engine = await open_engine(host, storage, workflows=[loops, is_new])
    assert await engine.get_handle(run.id).result() == "out of the loop"
    await engine.close()


async def test_a_run_that_loops_before_its_first_step_is_refused(host: Host) -> None:
    engine = await open_engine(host, MemoryStorage())
    with pytest.raises(LoopingRunError, match="It was not started"):
        await engine.start(at_once)
    assert (await engine.list()).items == []
    await engine.close()


@pytest.mark.parametrize("later", [False, True])
async def test_an_activity_that_loops_fails_for_good(host: Host, later: bool) -> None:
    engine = await open_engine(host, MemoryStorage())
    run = await engine.start(gives_work, later)
    assert await run.result() == f"{'spins_later' if later else 'spins'} at test_looping.py"
    assert calls == ["spins later" if later else "spins 1"]
    assert await (await engine.start(ordinary)).result() == "ordinary"
    await engine.close()


async def test_a_query_that_loops_is_refused_and_its_run_goes_on(host: Host) -> None:
    engine = await open_engine(host, MemoryStorage())
    run = await engine.start(asked)
    with pytest.raises(LoopingRunError, match="a query of run"):
        await engine.query(run.id, "never")
    await run.signal(go)
    assert await run.result() is None
    await engine.close()


async def test_who_loops_is_told_before_it_is_ended(host: Host, heard: Heard) -> None:
    engine = await open_engine(host, MemoryStorage())
    run = await engine.start(loops)
    await run.signal(go)
    with pytest.raises(RunHeldError):
        await run.result()
    assert [told["ending"] for told in heard.told] == ["not yet", "ended"]
    assert {(told["runId"], told["kind"], told["name"]) for told in heard.told} == {(run.id, "workflow", "loops")}
    await engine.close()


async def test_a_run_that_is_distrusted_is_held_before_any_of_its_code_runs(host: Host) -> None:
    storage = MemoryStorage()
    engine = await open_engine(host, storage)
    run = await engine.start(loops)
    await engine.close()
    facts = {"what": "workflow 'loops'", "seconds": 40, "where": "a call that cannot be interrupted"}
    engine = await open_engine(host, storage, distrusted={run.id: facts})
    assert (await engine.describe(run.id))["held"]["where"] == "a call that cannot be interrupted"
    await engine.close()


def test_the_engines_own_code_is_never_ended() -> None:
    seen = []

    class Storage(MemoryStorage):
        async def get(self, key: str) -> bytes | None:
            seen.append(in_authors_code(sys._getframe()))
            return await super().get(key)

    async def main() -> None:
        async with Engine(storage=Storage(), workflows=WORKFLOWS) as engine:
            await (await engine.start(ordinary)).result()

    asyncio.run(main())
    assert seen and not any(seen)
    assert Recover().opening is False


def test_what_an_entrance_does_around_authors_code_is_never_ended() -> None:
    """The loop's own code before and after a callback: nothing there would catch it, and its engine would break."""
    ended: dict[str, bool] = {}

    def line(frame: FrameType, event: str, arg: Any) -> Any:
        ended[frame.f_code.co_name] = in_authors_code(frame)
        return line

    def callback() -> int:
        return random.Random(1).randint(1, 9)  # calls the library's code

    @enters_authors_code
    def run(handle: asyncio.Handle) -> None:
        if not handle.cancelled():
            handle._run()

    loop = asyncio.new_event_loop()
    before = sys.gettrace()
    try:
        sys.settrace(line)
        run(asyncio.Handle(callback, (), loop))
    finally:
        sys.settrace(before)
        loop.close()
    assert [ended[name] for name in ("cancelled", "_run", "callback", "randint")] == [False, False, True, True]

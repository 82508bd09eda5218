"""``start_or_signal``: one atomic step that starts a run with its first signal, or signals the one there is."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.engine.invariants import Invariants
from tests.engine.visits import after_every_crash, settled
from weft_core import Context, Interceptor, SignalCall, StartCall, query, signal, workflow
from weft_core.errors import (
    IdempotencyKeyConflictError,
    InvalidInputError,
    RunFinishedError,
    RunNotFoundError,
    SignalNotDeclaredError,
    StartOrSignalConflictError,
    WorkflowNotRegisteredError,
)
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine

item = signal("item")
items_of = query("items")


@workflow
async def cart(ctx: Context, owner: str) -> list[str]:
    items: list[str] = []
    ctx.on_query(items_of, lambda: items)
    while (found := await ctx.wait_for_signal(item)) != "pay":
        items.append(found)
    return [owner, *items]


@workflow
async def other(ctx: Context, owner: str) -> None:
    await ctx.wait_for_signal(item)


async def test_the_first_call_starts_the_run_and_the_others_signal_it() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[cart], storage=rows) as engine:
        handle, outcome = await engine.start_or_signal(cart, "ann", signal=item, payload="soap", id="c")
        assert (handle.id, outcome) == ("c", "started")
        assert await handle.query(items_of) == ["soap"]
        again = await engine.start_or_signal("cart", "ann", signal="item", payload="milk", id="c")
        assert again.outcome == "signalled"
        await again.handle.signal(item, "pay")
        assert await handle.result() == ["ann", "soap", "milk"]
        Invariants().check(rows.rows())


async def test_the_run_and_its_first_signal_are_one_batch() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[cart], storage=rows) as engine:
        await engine.settle()
        before = engine.diagnostics()["commits"]
        await engine.start_or_signal(cart, "ann", signal=item, payload="soap", id="c")
        assert engine.diagnostics()["commits"] == before + 1
        kinds = [e["type"] for e in await engine.history("c")]
        assert kinds[:3] == ["run_started", "signal_received", "signal_consumed"]


async def test_a_repeated_call_changes_nothing_and_says_the_same() -> None:
    async with TestEngine(workflows=[cart]) as engine:
        for _ in range(2):
            first = await engine.start_or_signal(cart, "ann", signal=item, payload="soap", id="c", signal_id="s1")
            second = await engine.start_or_signal(cart, "ann", signal=item, payload="milk", id="c", signal_id="s2")
            assert (first.outcome, second.outcome) == ("started", "signalled")
            await engine.crash_and_recover()
        assert await engine.query("c", items_of) == ["soap", "milk"]
        await engine.signal("c", item, "pay")
        assert await engine.get_handle("c").result() == ["ann", "soap", "milk"]
        repeated = await engine.start_or_signal(cart, "ann", signal=item, payload="milk", id="c", signal_id="s2")
        assert repeated.outcome == "signalled", "it was accepted before the run ended"


async def test_G6_calls_with_one_idempotency_key_converge_on_one_run_and_one_signal() -> None:
    async with TestEngine(workflows=[cart]) as engine:
        calls = (
            engine.start_or_signal(cart, "ann", signal=item, payload="soap", idempotency_key="k") for _ in range(5)
        )
        found = await asyncio.gather(*calls)
        assert {f.outcome for f in found} == {"started"}
        (run_id,) = {f.handle.id for f in found}
        assert await engine.query(run_id, items_of) == ["soap"]
        with pytest.raises(IdempotencyKeyConflictError):
            await engine.start_or_signal(cart, "bob", signal=item, payload="soap", idempotency_key="k")


async def test_with_an_id_the_idempotency_key_names_the_call() -> None:
    async with TestEngine(workflows=[cart]) as engine:
        outcomes = []
        for key in ("soap", "milk", "soap", "milk"):
            done = await engine.start_or_signal(cart, "ann", signal=item, payload=key, id="c", idempotency_key=key)
            outcomes.append(done.outcome)
        assert outcomes == ["started", "signalled", "started", "signalled"]
        assert await engine.query("c", items_of) == ["soap", "milk"]


async def test_calls_that_race_start_one_run() -> None:
    async with TestEngine(workflows=[cart]) as engine:
        calls = (engine.start_or_signal(cart, "ann", signal=item, payload=str(n), id="c") for n in range(20))
        outcomes = Counter(f.outcome for f in await asyncio.gather(*calls))
        assert outcomes == {"started": 1, "signalled": 19}
        assert sorted(await engine.query("c", items_of)) == sorted(str(n) for n in range(20))


async def test_a_run_that_begins_later_keeps_its_first_signal() -> None:
    async with TestEngine(workflows=[cart]) as engine:
        handle, _ = await engine.start_or_signal(cart, "ann", signal=item, payload="soap", id="c", delay="1 hour")
        await engine.start_or_signal(cart, "ann", signal=item, payload="pay", id="c")
        await engine.crash_and_recover()
        await engine.advance_time("2 hours")
        assert await engine.get_handle(handle.id).result() == ["ann", "soap"]


async def test_interceptors_and_the_options_of_start_apply() -> None:
    seen: list[Any] = []

    class Watcher(Interceptor):
        def start(self, call: StartCall) -> None:
            seen.append(["start", call.workflow, call.id])

        def signal(self, call: SignalCall) -> None:
            seen.append(["signal", call.name, call.run_id])
            call.payload = f"fresh {call.payload}"

    async with TestEngine(workflows=[cart], interceptors=[Watcher()]) as engine:
        await engine.start_or_signal(cart, "ann", signal=item, payload="soap", id="c", tags=["vip"])
        await engine.start_or_signal(cart, "ann", signal=item, payload="milk", id="c")
        assert seen == [["start", "cart", "c"], ["signal", "item", "c"]] * 2
        assert await engine.query("c", items_of) == ["fresh soap", "fresh milk"]
        assert [r["id"] for r in (await engine.list(tags=["vip"])).items] == ["c"]


async def test_a_finished_run_is_a_conflict_and_nothing_is_written() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[cart, other], storage=rows) as engine:
        handle, _ = await engine.start_or_signal(cart, "ann", signal=item, payload="pay", id="c")
        await handle.result()
        await engine.start(other, "ann", id="o")
        before = rows.rows()
        with pytest.raises(StartOrSignalConflictError, match="'c' is already completed"):
            await engine.start_or_signal(cart, "ann", signal=item, payload="milk", id="c")
        with pytest.raises(StartOrSignalConflictError, match="is one of workflow 'other'"):
            await engine.start_or_signal(cart, "ann", signal=item, payload="milk", id="o")
        for wrong in ({}, {"idempotency_key": "k", "signal_id": "s"}, {"id": "a/b"}, {"id": "c", "signal_id": "a/b"}):
            with pytest.raises(InvalidInputError):
                await engine.start_or_signal(cart, "ann", signal=item, **wrong)  # type: ignore[arg-type]
        with pytest.raises(SignalNotDeclaredError):
            await engine.start_or_signal(cart, "ann", signal="itme", id="new")
        with pytest.raises(WorkflowNotRegisteredError):
            await engine.start_or_signal("crat", "ann", signal=item, id="new")
        with pytest.raises(InvalidInputError):
            await engine.start_or_signal(cart, signal=item, id="new")
        assert rows.rows() == before
        with pytest.raises(RunNotFoundError):
            await engine.describe("new")


@workflow
async def short(ctx: Context) -> list[str]:
    """Ends at its first signal, whatever else lies in its mailbox."""
    return [await ctx.wait_for_signal(item)]


async def test_G7_no_signal_is_dropped_between_the_check_and_the_write() -> None:
    """The original looks whether the run is unfinished and then writes the signal: one that ends in between loses it.

    Here each call either is in the run's log, or says that it is not.
    """
    for first in range(12):
        async with TestEngine(workflows=[short]) as engine:
            await engine.start(short, id="r")
            calls: list[Any] = [
                engine.start_or_signal(short, signal=item, payload=n, id="r", signal_id=f"s{n}") for n in range(10)
            ]
            calls.insert(first % 11, engine.signal("r", item, "end"))
            told = await asyncio.gather(*calls, return_exceptions=True)
            received = {e["signal_id"] for e in await engine.history("r") if e["type"] == "signal_received"}
            told.pop(first % 11)
            for n, outcome in enumerate(told):
                assert isinstance(outcome, tuple) == (f"s{n}" in received), (n, outcome)
                assert isinstance(outcome, (tuple, StartOrSignalConflictError)), outcome
            assert await engine.get_handle("r").result() in [["end"], *([n] for n in range(10))]


@pytest.mark.parametrize("named", [{"idempotency_key": "first"}, {"id": "c", "signal_id": "first"}])
async def test_start_or_signal_survives_a_crash_at_every_write(named: dict[str, str]) -> None:
    async def shop(engine: TestEngine) -> Any:
        handle, outcome = await engine.start_or_signal(cart, "ann", signal=item, payload="soap", **named)  # type: ignore[arg-type]
        await settled(engine)
        _, second = await engine.start_or_signal(
            cart, "ann", signal=item, payload="milk", id=handle.id, signal_id="second"
        )
        await settled(engine)
        try:
            await engine.signal(handle.id, item, "pay", signal_id="pay")
        except RunFinishedError:
            pass
        return outcome, second, await handle.result()

    async for told in after_every_crash([cart], shop):
        assert told == ("started", "signalled", ["ann", "soap", "milk"])

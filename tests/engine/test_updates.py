"""Updates: messages that a run validates, handles and answers (G8)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.engine.invariants import Invariants
from tests.engine.visits import after_every_crash, settled
from weft_core import Context, Limits, activity, load_source, query, update, workflow
from weft_core.errors import (
    InvalidInputError,
    LimitExceededError,
    OperationMisuseError,
    PayloadTooLargeError,
    RunCancelledError,
    RunExistsError,
    RunFailedError,
    RunFinishedError,
    RunNotFoundError,
    SignalTimeoutError,
    UpdateNotDeclaredError,
    UpdateNotFoundError,
    UpdateRejectedError,
    UpdateTimeoutError,
    UpdateValidationError,
    WaitTimeoutError,
    WorkflowNotRegisteredError,
)
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine, VirtualClock

add = update[int, int]("add")
order = update[str, str]("order")
total_of = query[int]("total")
handled: list[int] = []


@workflow
async def counter(ctx: Context, goal: int) -> list[Any]:
    """Counts by a handler while it waits for something else."""
    total = 0
    seen: list[Any] = []

    def take(amount: int) -> int:
        nonlocal total
        handled.append(amount)
        if amount == 13:
            raise ValueError("13 brings bad luck")
        total += amount
        seen.append(amount)
        return total

    def check(amount: int) -> None:
        seen.append("checked")
        if amount <= 0:
            raise ValueError(f"{amount} is not positive")

    ctx.on_update(add, take, validator=check)
    ctx.on_query(total_of, lambda: total)
    await ctx.wait_until(lambda: total >= goal)
    return seen


@workflow
async def kitchen(ctx: Context, dishes: int) -> list[str]:
    """Takes one order after the other, and needs time for each."""
    served: list[str] = []
    while len(served) < dishes:
        received = await ctx.wait_for_update(order, timeout="1 day")
        if received.payload == "stones":
            await received.reject("we have no stones")
            continue
        await ctx.sleep("10 minutes")
        served.append(received.payload)
        await received.respond(f"{received.payload} for table {received.id}")
    return served


async def within(engine: TestEngine, minutes: int, call: Any) -> Any:
    """What ``call`` gives while virtual time passes."""
    task = asyncio.ensure_future(call)
    await engine.settle()
    await engine.advance_time(minutes * 60)
    return await task


# ------------------------------------------------------------------ handlers


async def test_G8_a_handler_answers_while_the_run_waits_for_something_else() -> None:
    async with TestEngine(workflows=[counter]) as engine:
        handle = await engine.start(counter, 10)
        assert await handle.update(add, 4) == 4
        assert await handle.update("add", 3) == 7
        assert await handle.query(total_of) == 7
        assert await handle.update(add, 3) == 10
        assert await handle.result() == [4, 3, 3]


async def test_G8_the_validator_comes_first_and_writes_nothing() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[counter], storage=rows) as engine:
        handle = await engine.start(counter, 10)
        before = rows.rows()
        with pytest.raises(UpdateValidationError, match="-1 is not positive") as refused:
            await handle.update(add, -1, update_id="u")
        assert isinstance(refused.value.__cause__, ValueError)
        assert isinstance(refused.value, UpdateRejectedError)
        assert rows.rows() == before
        with pytest.raises(UpdateNotFoundError):
            await engine.get_update(handle.id, "u")
        assert await handle.update(add, 10, update_id="u") == 10, "a refused update has not used its id"
        assert await handle.result() == [10], "what the validator appended was appended to a copy"


async def test_G8_an_update_is_accepted_once_and_asking_again_gives_its_result() -> None:
    handled.clear()
    async with TestEngine(workflows=[counter]) as engine:
        handle = await engine.start(counter, 10)
        twice = [handle.update(add, 4, update_id="u") for _ in range(5)]
        assert await asyncio.gather(*twice) == [4] * 5
        await engine.crash_and_recover()
        assert await engine.update(handle.id, add, 4, update_id="u") == 4
        assert handled == [4]
        with pytest.raises(InvalidInputError, match="belongs to an update 'add'"):
            await engine.update(handle.id, "remove", 4, update_id="u")
        assert await engine.update(handle.id, add, 6, update_id="v") == 10
        assert await engine.get_handle(handle.id).result() == [4, 6]
        assert await engine.update(handle.id, add, 4, update_id="u") == 4, "also when the run is finished"
        state = await engine.get_update(handle.id, "v")
        assert (state.name, state.status, state.result, state.error) == ("add", "completed", 10, None)


async def test_a_handler_that_raises_answers_with_its_error_and_the_run_goes_on() -> None:
    async with TestEngine(workflows=[counter]) as engine:
        handle = await engine.start(counter, 5)
        for _ in range(2):
            with pytest.raises(UpdateRejectedError, match="13 brings bad luck") as refused:
                await engine.update(handle.id, add, 13, update_id="u")
            assert isinstance(refused.value.__cause__, ValueError)
            assert not isinstance(refused.value, UpdateValidationError)
            await engine.crash_and_recover()
        assert (await engine.get_update(handle.id, "u")).status == "rejected"
        assert await engine.update(handle.id, add, 5) == 5


@workflow
async def late_handler(ctx: Context) -> list[int]:
    got: list[int] = []
    await ctx.sleep("1 minute")

    def refuse_odd(n: int) -> None:
        if n % 2:
            raise ValueError("odd")

    def note(n: int) -> int:
        got.append(n)
        return len(got)

    ctx.on_update("late", note, refuse_odd)
    await ctx.wait_until(lambda: len(got) >= 2)
    return got


async def test_an_update_before_its_handler_is_there_is_buffered_in_order() -> None:
    async with TestEngine(workflows=[late_handler]) as engine:
        handle = await engine.start(late_handler)
        asked = [asyncio.ensure_future(handle.update("late", n, timeout=None)) for n in (7, 8)]
        await engine.settle()
        await engine.advance_time("2 minutes")
        assert await asyncio.gather(*asked) == [1, 2]
        assert await handle.result() == [7, 8]


@workflow
async def odd_handlers(ctx: Context, what: str) -> None:
    big = "x" * 3_000_000
    handlers: dict[str, Any] = {
        "operation": lambda _: ctx.sleep(1),
        "unstorable": lambda _: object(),
        "too large": lambda _: big,
        "exit": lambda _: _exit(),
    }
    ctx.on_update("odd", handlers[what])
    await ctx.wait_for_signal("end")


def _exit() -> None:
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("operation", "a handler cannot await"),
        ("unstorable", "object"),
        ("too large", "over the limit"),
        ("exit", "SystemExit"),
    ],
)
async def test_an_answer_that_cannot_be_is_recorded_as_an_error(what: str, message: str) -> None:
    async with TestEngine(workflows=[odd_handlers]) as engine:
        handle = await engine.start(odd_handlers, what)
        with pytest.raises(UpdateRejectedError, match=message):
            await handle.update("odd", update_id="u")
        assert (await engine.get_update(handle.id, "u")).status == "rejected"
        await handle.signal("end")
        assert await handle.result() is None


@workflow
async def wrong_handler(ctx: Context) -> None:
    async def nobody() -> None: ...

    ctx.on_update("wrong", nobody)  # type: ignore[arg-type]


async def test_a_handler_that_awaits_is_refused_where_it_is_registered() -> None:
    async with TestEngine(workflows=[wrong_handler]) as engine:
        handle = await engine.start(wrong_handler)
        with pytest.raises(RunFailedError, match="must be an ordinary function"):
            await handle.result()


# ------------------------------------------------------------------ wait_for_update


async def test_updates_that_are_waited_for_are_taken_in_order_and_answered_later() -> None:
    async with TestEngine(workflows=[kitchen]) as engine:
        handle = await engine.start(kitchen, 2)
        asked = [asyncio.ensure_future(handle.update(order, dish, update_id=dish[:1], timeout=None))
                 for dish in ("soup", "stones", "pie")]  # fmt: skip
        await engine.settle()
        assert (await engine.get_update(handle.id, "s")).status == "pending"
        await engine.advance_time("30 minutes")
        assert await asked[2] == "pie for table p"
        assert await handle.result() == ["soup", "pie"]
        # "stones" had the id of "soup": it is that update
        assert await asyncio.gather(*asked[:2]) == ["soup for table s"] * 2


async def test_a_rejected_update_raises_and_its_cause_is_the_authors_error() -> None:
    async with TestEngine(workflows=[kitchen]) as engine:
        handle = await engine.start(kitchen, 1)
        with pytest.raises(UpdateRejectedError, match="we have no stones") as refused:
            await handle.update(order, "stones")
        assert isinstance(refused.value.__cause__, ValueError)


async def test_an_update_that_is_not_answered_in_time_says_so_and_can_be_asked_again() -> None:
    async with TestEngine(workflows=[kitchen]) as engine:
        handle = await engine.start(kitchen, 1)
        with pytest.raises(UpdateTimeoutError, match=r"has accepted .* ask again with update_id='u'") as late:
            await within(engine, 1, handle.update(order, "soup", update_id="u"))
        assert isinstance(late.value, TimeoutError)
        assert await within(engine, 20, handle.update(order, "soup", update_id="u", timeout="1 hour")) == (
            "soup for table u"
        )
        assert await handle.result() == ["soup"]


async def test_G8_an_update_taken_before_a_crash_is_answered_after_it() -> None:
    async with TestEngine(workflows=[kitchen]) as engine:
        handle = await engine.start(kitchen, 1)
        with pytest.raises(UpdateTimeoutError):
            await within(engine, 1, handle.update(order, "soup", update_id="u"))
        await engine.crash_and_recover()
        assert await within(engine, 20, engine.update(handle.id, order, "soup", update_id="u", timeout=None)) == (
            "soup for table u"
        )


async def test_a_wait_for_an_update_can_time_out() -> None:
    async with TestEngine(workflows=[kitchen]) as engine:
        handle = await engine.start(kitchen, 1)
        await engine.crash_and_recover()
        await engine.advance_time("2 days")
        with pytest.raises(RunFailedError, match="passed before update 'order' came") as failed:
            await engine.get_handle(handle.id).result()
        assert isinstance(failed.value.__cause__, WaitTimeoutError)


@workflow
async def twice_answered(ctx: Context) -> str:
    received = await ctx.wait_for_update("ask")
    await received.respond(1)
    try:
        await received.respond(2)
    except OperationMisuseError as error:
        return str(error)
    return "answered twice"


async def test_the_first_answer_stays() -> None:
    async with TestEngine(workflows=[twice_answered]) as engine:
        handle = await engine.start(twice_answered)
        assert await handle.update("ask", update_id="u") == 1
        assert "has been answered" in await handle.result()
        assert (await engine.get_update(handle.id, "u")).result == 1


@workflow(updates=["a", "b"])
async def first_of_two(ctx: Context, wait: bool) -> str:
    if wait:
        await ctx.sleep("1 minute")
    name, received = await ctx.race({n: ctx.wait_for_update(n) for n in ("a", "b")})
    await received.respond(f"{name} won")
    other = await ctx.wait_for_update("b" if name == "a" else "a")
    await other.respond("second")
    return str(name)


async def test_G8_an_update_that_answered_a_beaten_wait_is_still_to_be_had() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[first_of_two], storage=rows) as engine:
        handle = await engine.start(first_of_two, True)
        asked = [asyncio.ensure_future(handle.update(n, timeout=None)) for n in ("b", "a")]
        await engine.settle()
        Invariants().check(rows.rows())
        await engine.advance_time("1 minute")
        Invariants().check(rows.rows())
        assert sorted(await asyncio.gather(*asked)) == ["a won", "second"]
        assert await handle.result() == "a"


# ------------------------------------------------------------------ refusals, ends, stopped runs


async def test_what_cannot_be_answered_is_refused_before_anything_is_written() -> None:
    rows = MemoryStorage()
    limits = Limits(max_mailbox=1, max_payload_bytes=100)
    async with TestEngine(workflows=[counter, kitchen], storage=rows, limits=limits) as engine:
        run_id = (await engine.start(kitchen, 1)).id
        before = rows.rows()
        with pytest.raises(UpdateNotDeclaredError, match=r"answers no update 'odrer'; it answers: \['order'\]"):
            await engine.update(run_id, "odrer", "soup")
        with pytest.raises(PayloadTooLargeError):
            await engine.update(run_id, order, "x" * 200)
        with pytest.raises(InvalidInputError):
            await engine.update(run_id, order, "soup", update_id="a/b")
        with pytest.raises(RunNotFoundError):
            await engine.update("nobody", order, "soup")
        assert rows.rows() == before
        with pytest.raises(UpdateTimeoutError):
            await within(engine, 1, engine.update(run_id, order, "soup"))
        with pytest.raises(LimitExceededError, match="mailbox"):
            await engine.update(run_id, order, "pie")


@workflow
async def hasty(ctx: Context, seconds: int) -> str:
    await ctx.sleep(seconds)
    received = await ctx.wait_for_update("never read")
    return f"ended without an answer to {received.payload}"


async def test_G8_a_run_that_ends_answers_what_it_left_unanswered() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[hasty], storage=rows) as engine:
        handle = await engine.start(hasty, 30)
        asked = [asyncio.ensure_future(handle.update("never read", n, update_id=f"u{n}", timeout=None)) for n in (1, 2)]
        await engine.settle()
        await engine.advance_time("1 minute")
        assert await handle.result() == "ended without an answer to 1"
        for call in asked:
            with pytest.raises(RunFinishedError, match="already completed; update 'never read' was accepted before"):
                await call
        assert (await engine.get_update(handle.id, "u1")).status == "unanswered"
        await engine.crash_and_recover()
        with pytest.raises(RunFinishedError):
            await engine.update(handle.id, "never read", 1, update_id="u1")
        with pytest.raises(RunFinishedError, match="an update changes nothing"):
            await engine.update(handle.id, "never read", 3)
        Invariants().check(rows.reopen().rows())


async def test_a_cancelled_run_answers_its_updates_too() -> None:
    async with TestEngine(workflows=[kitchen]) as engine:
        handle = await engine.start(kitchen, 1)
        asked = asyncio.ensure_future(handle.update(order, "soup", timeout=None))
        await engine.settle()
        await handle.cancel()
        with pytest.raises(RunFinishedError, match="already cancelled"):
            await asked
        with pytest.raises(RunCancelledError):
            await handle.result()


async def test_an_update_to_a_held_run_is_accepted_and_answered_when_its_code_is_back() -> None:
    rows, clock = MemoryStorage(), VirtualClock()
    async with TestEngine(workflows=[kitchen], storage=rows, clock=clock) as engine:
        await engine.start(kitchen, 1, id="r")
    async with TestEngine(workflows=[counter], storage=rows.reopen(), clock=clock) as engine:
        with pytest.raises(UpdateTimeoutError):
            await within(engine, 1, engine.update("r", order, "soup", update_id="u"))
        assert (await engine.describe("r"))["status"] == "held"
        Invariants().check(rows.reopen().rows())
    async with TestEngine(workflows=[kitchen], storage=rows.reopen(), clock=clock) as engine:
        await engine.resume("r")
        assert await within(engine, 20, engine.update("r", order, "soup", update_id="u", timeout=None)) == (
            "soup for table u"
        )


@pytest.mark.parametrize("taken", [False, True])
async def test_G8_cancelling_a_held_run_answers_its_updates(taken: bool) -> None:
    rows, clock = MemoryStorage(), VirtualClock()
    async with TestEngine(workflows=[kitchen], storage=rows, clock=clock) as engine:
        await engine.start(kitchen, 1, id="r")
        if taken:
            with pytest.raises(UpdateTimeoutError):
                await within(engine, 1, engine.update("r", order, "soup", update_id="u"))
    async with TestEngine(workflows=[counter], storage=rows.reopen(), clock=clock) as engine:
        asked = asyncio.ensure_future(engine.update("r", order, "soup", update_id="u", timeout=None))
        await engine.settle()
        await engine.cancel("r")
        with pytest.raises(RunFinishedError):
            await asked
        Invariants().check(rows.reopen().rows())
        with pytest.raises(WorkflowNotRegisteredError):
            await engine.start("kitchen", 1)


async def test_a_rejected_update_tells_what_happened_also_where_its_error_has_no_class() -> None:
    async with TestEngine(workflows=[kitchen]) as engine:
        handle = await engine.start(kitchen, 1)
        with pytest.raises(UpdateRejectedError) as refused:
            await handle.update(order, "stones", update_id="u")
        assert refused.value.facts["error_type"] == "ValueError"
        assert refused.value.to_json()["facts"]["error_message"] == "we have no stones"


async def test_a_terminated_run_answers_its_updates_too() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[kitchen], storage=rows) as engine:
        handle = await engine.start(kitchen, 1)
        asked = [asyncio.ensure_future(handle.update(order, dish, timeout=None)) for dish in ("soup", "pie")]
        await engine.settle()
        await handle.terminate()
        for call in asked:
            with pytest.raises(RunFinishedError, match="already terminated"):
                await call
        Invariants().check(rows.rows())


async def test_no_handler_of_a_suspended_run_is_called() -> None:
    handled.clear()
    async with TestEngine(workflows=[counter]) as engine:
        handle = await engine.start(counter, 3)
        await handle.suspend()
        asked = asyncio.ensure_future(handle.update(add, 3, timeout=None))
        await engine.settle()
        assert handled == []
        await handle.resume()
        assert await asked == await handle.query(total_of) == 3
        assert await handle.result() == [3]


async def test_G8_an_update_that_a_suspended_run_had_taken_is_still_to_be_had_if_its_branch_is_beaten() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[beaten], storage=rows) as engine:
        await engine.start(beaten, id="r")
        await engine.suspend("r")
        asked = asyncio.ensure_future(engine.update("r", "a", "hello", update_id="u", timeout=None))
        await engine.settle()
        await engine.advance_time("1 minute")
        Invariants().check(rows.rows())
        await engine.resume("r")
        assert await asked == "taken by the last wait" or (await engine.get_update("r", "u")).status == "completed"
        Invariants().check(rows.rows())


@workflow
async def beaten(ctx: Context) -> None:
    won = await ctx.race([ctx.sleep("30 seconds"), ctx.wait_for_update("a")])
    received = won or await ctx.wait_for_update("a")
    await received.respond("taken by the last wait")


# ------------------------------------------------------------------ signals with handlers


@workflow
async def inbox(ctx: Context, wanted: int) -> list[Any]:
    got: list[Any] = []

    def note(text: str) -> None:
        if text == "bad":
            raise ValueError(text)
        got.append(text)

    ctx.on_signal("note", note)
    await ctx.wait_until(lambda: len(got) >= wanted)
    try:
        got.append(["waited", await ctx.wait_for_signal("note", timeout="1 hour")])
    except SignalTimeoutError:
        got.append("nothing")
    return got


async def test_G7_a_signal_handler_takes_signals_in_order_and_a_wait_goes_before_it() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[inbox], storage=rows) as engine:
        handle = await engine.start(inbox, 2)
        await handle.signal("note", "bad")
        await handle.signal("note", "one")
        await engine.crash_and_recover()
        await engine.signal(handle.id, "note", "two")
        await engine.signal(handle.id, "note", "three")
        assert await engine.get_handle(handle.id).result() == ["one", "two", ["waited", "three"]]
        events = await engine.history(handle.id)
        failed = [e for e in events if e["type"] == "signal_handler_failed"]
        assert [e["error"]["message"] for e in failed] == ["bad"]
        Invariants().check(rows.reopen().rows())


# ------------------------------------------------------------------ the page


async def test_the_page_on_updates_runs_as_it_is_written() -> None:
    page = Path(__file__).parents[2] / "docs" / "updates.md"
    first = page.read_text("utf-8").split("```python\n")[1].split("```")[0]
    shown = load_source("page_on_updates", first)
    async with TestEngine(workflows=[shown.counter]) as engine:
        handle = await engine.start(shown.counter, 5)
        assert await engine.update(handle.id, shown.add, 4, update_id="click-81") == 4
        with pytest.raises(UpdateValidationError):
            await engine.update(handle.id, shown.add, -1)
        assert await handle.query(shown.total_of) == 4
        assert await handle.update(shown.add, 1) == await handle.result() == 5


# ------------------------------------------------------------------ crashes


effects: list[str] = []


@activity
def cook(dish: str) -> str:
    effects.append(dish)
    return f"hot {dish}"


@workflow
async def restaurant(ctx: Context) -> dict[str, Any]:
    """A handler, a wait with work before its answer, and a condition on what both have done."""
    tips = 0

    def tip(amount: int) -> int:
        nonlocal tips
        tips += amount
        return tips

    ctx.on_update("tip", tip)
    received = await ctx.wait_for_update(order)
    dish = await ctx.run(cook, received.payload)
    await received.respond(dish)
    await ctx.wait_until(lambda: tips >= 5, timeout="1 day")
    return {"dish": dish, "tips": tips}


async def visit(engine: TestEngine) -> list[Any]:
    """A guest who tips and orders, with the same ids after every crash."""
    try:
        await engine.start(restaurant, id="r")
    except RunExistsError:
        pass
    await settled(engine)
    told = [await engine.update("r", "tip", 2, update_id="t1", timeout=None)]
    await settled(engine)
    told.append(await engine.update("r", order, "soup", update_id="o", timeout=None))
    await settled(engine)
    told.append(await engine.update("r", "tip", 3, update_id="t2", timeout=None))
    return [*told, await engine.get_handle("r").result()]


async def test_G8_updates_survive_a_crash_at_every_write() -> None:
    wanted = [2, "hot soup", 5, {"dish": "hot soup", "tips": 5}]
    async for told in after_every_crash([restaurant], visit, reset=effects.clear):
        assert told == wanted
        assert effects in (["soup"], ["soup", "soup"])


async def test_only_its_record_stays_of_an_answered_update_and_goes_with_its_run() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[restaurant], storage=rows) as engine:
        await visit(engine)
    kinds = {key.split("/")[0] for key in rows.rows()}
    assert kinds == {"meta", "run", "log", "code", "update", "feed"} | {"by-time", "by-state", "by-finished"}
    async with TestEngine(workflows=[restaurant], storage=rows.reopen()) as engine:
        await engine.purge("r")
        with pytest.raises(UpdateNotFoundError):
            await engine.get_update("r", "o")
    assert not [key for key in rows.reopen().rows() if key.startswith("update/")]

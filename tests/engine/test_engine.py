"""The engine's promises, one sentence each, over memory and virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.engine import shop
from weft_core import Context, Engine, RetryPolicy, RunCancelled, activity, durable, workflow
from weft_core.errors import (
    ActivityFailedError,
    ActivityInterruptedError,
    ActivityTimeoutError,
    EngineFencedError,
    ForeignAwaitError,
    IdempotencyKeyConflictError,
    InvalidInputError,
    NotSerializableError,
    OperationMisuseError,
    PayloadTooLargeError,
    QueryNotFoundError,
    RunCancelledError,
    RunExistsError,
    RunFailedError,
    RunFinishedError,
    RunHeldError,
    RunNotFoundError,
    SignalNotDeclaredError,
    SignalTimeoutError,
    WorkflowNotRegisteredError,
)  # fmt: skip
from weft_core.model.limits import Limits
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine, virtual_host

log: list[str] = []


@pytest.fixture(autouse=True)
def _clean() -> None:
    shop.forget()
    log.clear()


@workflow
async def one_step(ctx: Context, value: Any) -> Any:
    return await ctx.run(shop.echo, value)


@workflow
async def wait(ctx: Context, *names: str) -> list[Any]:
    got = []
    for name in names:
        got.append(await ctx.wait_for_signal(name))
    return got


@workflow
async def patient(ctx: Context) -> str:
    await ctx.wait_for_signal(shop.approval)
    return "approved"


async def test_a_run_returns_what_its_workflow_returns() -> None:
    async with TestEngine(workflows=[one_step]) as engine:
        assert await (await engine.start(one_step, {"a": [1, 2.5, b"x"]})).result() == {"a": [1, 2.5, b"x"]}


async def test_a_failed_run_says_why_and_carries_the_error_as_its_cause() -> None:
    async with TestEngine(workflows=[failing]) as engine:
        handle = await engine.start(failing)
        with pytest.raises(RunFailedError, match="Declined: no money") as caught:
            await handle.result()
        assert type(caught.value.__cause__) is shop.Declined
        info = await handle.describe()
        assert info["status"] == "failed" and "in failing" in info["error"]["traceback"]


@workflow
async def failing(ctx: Context) -> None:
    await ctx.run(shop.echo, 1)
    raise shop.Declined("no money")


async def test_G4_a_caught_failure_stays_a_failure_after_a_crash() -> None:
    async with TestEngine(workflows=[shop.checkout]) as engine:
        await engine.start(shop.checkout, {"id": "o1", "total": 30}, id="r")
        await engine.settle()
        for _ in range(3):
            await engine.crash_and_recover()
        await engine.signal("r", "approval", {"ok": True})
        await engine.advance_time("3 days")
        assert (await engine.get_handle("r").result())["refused"] == "o1"
        assert shop.calls.count("decline") == 1


async def test_activities_are_retried_with_backoff_and_then_given_up() -> None:
    async with TestEngine(workflows=[stubborn]) as engine:
        handle = await engine.start(stubborn)
        await engine.settle()
        assert log == ["attempt"]
        await engine.advance_time(0.999)
        assert log == ["attempt"]
        await engine.advance_time(0.001)
        assert log == ["attempt"] * 2
        await engine.advance_time(2)
        assert log == ["attempt"] * 3
        with pytest.raises(RunFailedError, match="ConnectionError: down"):
            await handle.result()


@activity(retry=RetryPolicy(max_attempts=3, initial_interval=1, backoff=2, jitter=0))
async def flaky() -> None:
    log.append("attempt")
    raise ConnectionError("down")


@workflow
async def stubborn(ctx: Context) -> None:
    await ctx.run(flaky)


async def test_an_attempt_that_a_crash_cut_off_counts_and_the_last_one_is_not_repeated() -> None:
    async with TestEngine(workflows=[crashing]) as engine:
        await engine.start(crashing, id="r")
        await asyncio.sleep(0)
        for _ in range(2):
            await engine.crash()
            engine.use_storage_again()
            await engine.open()
            for _ in range(10):
                await asyncio.sleep(0)
        assert log == ["began", "began"]
        assert await engine.get_handle("r").result() == "ActivityInterruptedError"


@activity(retry=RetryPolicy(max_attempts=2, initial_interval=0))
async def never_ends() -> None:
    log.append("began")
    await asyncio.Event().wait()


@workflow
async def crashing(ctx: Context) -> str:
    try:
        await ctx.run(never_ends)
    except ActivityInterruptedError as error:
        return error.code
    return "?"


async def test_an_activity_over_its_timeout_is_cancelled_and_raises() -> None:
    async with TestEngine(workflows=[hurried]) as engine:
        assert await (await engine.start(hurried)).result() == "ActivityTimeoutError"
        await engine.settle()
        assert log == ["began"]


@workflow
async def hurried(ctx: Context) -> str:
    try:
        await ctx.run(never_ends, timeout=0.01, retry=RetryPolicy(max_attempts=1))
    except ActivityTimeoutError as error:
        assert isinstance(error, TimeoutError)
        return error.code
    return "?"


async def test_activities_get_copies_and_workflows_get_copies_of_results() -> None:
    async with TestEngine(workflows=[sharing]) as engine:
        assert await (await engine.start(sharing)).result() == [[1], [1, 2], [1, 2]]


@activity
async def mutate(items: list[int]) -> list[int]:
    items.append(2)
    kept.append(items)
    return items


kept: list[list[int]] = []


@workflow
async def sharing(ctx: Context) -> list[Any]:
    mine = [1]
    result = await ctx.run(mutate, mine)
    kept[-1].append(99)
    again = await ctx.run(shop.echo, result)
    return [mine, result, again]


async def test_G7_signals_before_the_wait_are_buffered_and_consumed_in_order() -> None:
    async with TestEngine(workflows=[wait]) as engine:
        await engine.start(wait, "a", "b", "a", id="r")
        await engine.signal("r", "b", 1)
        await engine.signal("r", "a", 2)
        await engine.signal("r", "a", 3)
        assert await engine.get_handle("r").result() == [2, 1, 3]


async def test_G7_a_signal_id_is_accepted_once() -> None:
    async with TestEngine(workflows=[wait]) as engine:
        await engine.start(wait, "a", "a", id="r")
        await asyncio.gather(*(engine.signal("r", "a", 1, signal_id="s") for _ in range(5)))
        await engine.crash_and_recover()
        await engine.signal("r", "a", 1, signal_id="s")
        assert (await engine.describe("r"))["status"] == "running"
        await engine.signal("r", "a", 2)
        assert await engine.get_handle("r").result() == [1, 2]


async def test_G7_buffered_signals_survive_a_crash() -> None:
    async with TestEngine(workflows=[wait]) as engine:
        await engine.start(wait, "first", "second", id="r")
        for i in range(3):
            await engine.signal("r", "second", i)
        await engine.crash_and_recover()
        await engine.signal("r", "first")
        assert await engine.get_handle("r").result() == [None, 0]


async def test_a_signal_to_a_finished_or_missing_run_is_a_typed_error() -> None:
    async with TestEngine(workflows=[one_step, patient]) as engine:
        await (await engine.start(one_step, 1, id="r")).result()
        with pytest.raises(SignalNotDeclaredError):
            await engine.signal("r", "approval")
        await engine.start(patient, id="p")
        await engine.signal("p", shop.approval)
        with pytest.raises(RunFinishedError, match="already completed"):
            await engine.signal("p", shop.approval)
        with pytest.raises(RunNotFoundError):
            await engine.signal("nobody", "approval")


async def test_an_undeclared_signal_is_refused_and_names_those_declared() -> None:
    async with TestEngine(workflows=[patient]) as engine:
        await engine.start(patient, id="r")
        with pytest.raises(SignalNotDeclaredError, match=r"no signal 'aproval'; declared: \['approval'\]"):
            await engine.signal("r", "aproval")


async def test_a_wait_for_a_signal_times_out_after_the_time_and_not_before() -> None:
    async with TestEngine(workflows=[impatient]) as engine:
        handle = await engine.start(impatient)
        await engine.advance_time("2 days")
        assert (await handle.describe())["status"] == "running"
        await engine.advance_time("1 day")
        assert await handle.result() == "late"


@workflow
async def impatient(ctx: Context) -> str:
    try:
        await ctx.wait_for_signal(shop.approval, timeout="3 days")
    except SignalTimeoutError:
        return "late"
    return "in time"


async def test_G10_a_timer_fires_once_and_not_early_also_when_nobody_was_awake() -> None:
    async with TestEngine(workflows=[sleeper]) as engine:
        await engine.start(sleeper, id="r")
        await engine.settle()
        await engine.crash()
        engine.clock.advance_to(engine.clock.now_ms() + 40 * 86_400_000 - 1)
        engine.use_storage_again()
        await engine.open()
        await engine.settle()
        assert log == ["asleep"]
        await engine.crash()
        engine.clock.advance_to(engine.clock.now_ms() + 1)
        engine.use_storage_again()
        await engine.open()
        assert await engine.get_handle("r").result() == "awake"
        assert log == ["asleep", "awake"]
        assert not await engine.storage.scan("timer/")


@workflow
async def sleeper(ctx: Context) -> str:
    log.append("asleep")
    await ctx.sleep("40 days")
    log.append("awake")
    return "awake"


async def test_G9_queries_see_committed_state_of_live_parked_and_finished_runs() -> None:
    async with TestEngine(workflows=[shop.checkout, counting]) as engine:
        handle = await engine.start(shop.checkout, {"id": "o1", "total": 30}, id="r")
        await engine.settle()
        assert await handle.query(shop.stage) == "waiting"
        counted = await engine.start(counting, id="c")
        for i in range(3):
            assert await counted.query("count", 10) == i * 10
            await counted.signal("next")
        await engine.crash_and_recover()
        assert await counted.query("count", 1) == 3
        assert await engine.query_at("c", "count", 1) == (3, 3)
        await engine.signal("r", "approval", {"ok": True})
        await engine.advance_time("5 days")
        assert await handle.query("stage") == "waiting"
        with pytest.raises(QueryNotFoundError, match="stage"):
            await handle.query("nothing")


@workflow
async def counting(ctx: Context) -> None:
    count = 0
    ctx.on_query("count", lambda factor: count * factor)
    while True:
        await ctx.wait_for_signal("next")
        count += 1


async def test_G13_cancelling_runs_finally_blocks_which_may_await() -> None:
    async with TestEngine(workflows=[careful]) as engine:
        handle = await engine.start(careful, id="r")
        await engine.settle()
        await handle.cancel("customer left")
        await engine.crash_and_recover()
        await engine.advance_time("1 hour")
        assert log == ["cleaned"]
        with pytest.raises(RunCancelledError, match="customer left"):
            await handle.result()
        with pytest.raises(RunFinishedError, match="already cancelled"):
            await handle.cancel()
        assert not await engine.storage.scan("timer/")


@workflow
async def careful(ctx: Context) -> None:
    try:
        await ctx.sleep("365 days")
    except Exception:
        log.append("swallowed")
    finally:
        await ctx.sleep("10 minutes")
        log.append("cleaned")


async def test_race_cancels_its_losers_and_waits_for_their_finally_blocks() -> None:
    async with TestEngine(workflows=[racing]) as engine:
        handle = await engine.start(racing)
        await engine.advance_time("2 hours")
        assert await handle.result() == ["won", ["loser cleaned up"]]
        assert not await engine.storage.scan("timer/")


@durable
async def loser(ctx: Context, notes: list[str]) -> None:
    try:
        await ctx.sleep("365 days")
    except RunCancelled:
        await ctx.sleep("1 hour")
        notes.append("loser cleaned up")
        raise


@durable
async def winner(ctx: Context) -> str:
    await ctx.sleep("1 minute")
    return "won"


@workflow
async def racing(ctx: Context) -> list[Any]:
    notes: list[str] = []
    value = await ctx.race([loser(ctx, notes), winner(ctx)])
    return [value, notes]


async def test_all_fails_with_the_first_failure_and_cancels_the_others() -> None:
    async with TestEngine(workflows=[together]) as engine:
        handle = await engine.start(together)
        await engine.crash_and_recover()
        await engine.advance_time("1 minute")
        assert await handle.result() == "Declined"
        assert not await engine.storage.scan("timer/")


@workflow
async def together(ctx: Context) -> str:
    try:
        await ctx.all([ctx.sleep("365 days"), late_failure(ctx), ctx.wait_for_signal("never")])
    except shop.Declined as error:
        return type(error).__name__
    return "?"


@durable
async def late_failure(ctx: Context) -> None:
    await ctx.sleep("30 seconds")
    await ctx.run(shop.decline, "x")


async def test_groups_keep_order_keys_and_nesting() -> None:
    async with TestEngine(workflows=[grouped]) as engine:
        handle = await engine.start(grouped)
        for _ in range(5):
            await engine.crash_and_recover()
            await engine.advance_time("1 second")
        assert await handle.result() == [[], [3, 2, 1], {"x": 1, "y": [2, 3]}, "quick"]


@durable
async def after(ctx: Context, seconds: float, value: Any) -> Any:
    await ctx.sleep(seconds)
    return value


@workflow
async def grouped(ctx: Context) -> list[Any]:
    nothing = await ctx.all([])
    ordered = await ctx.all([after(ctx, 3, 3), after(ctx, 2, 2), after(ctx, 1, 1)])
    keyed = await ctx.all({"x": ctx.run(shop.echo, 1), "y": ctx.all([after(ctx, 1, 2), ctx.run(shop.echo, 3)])})
    quick = await ctx.race([after(ctx, 9, "slow"), ctx.run(shop.echo, "quick")])
    return [nothing, ordered, keyed, quick]


async def test_a_step_runs_a_closure_and_a_memo_is_computed_once() -> None:
    async with TestEngine(workflows=[stepping]) as engine:
        handle = await engine.start(stepping, 20)
        await engine.settle()
        await engine.crash_and_recover()
        await engine.advance_time(1)
        assert await handle.result() == [41, 7]
        assert log == ["memo"]


@workflow
async def stepping(ctx: Context, n: int) -> list[int]:
    doubled = await ctx.step("double", lambda x: x + n, n + 1)

    def compute() -> int:
        log.append("memo")
        return 7

    seven = await ctx.memo(compute)
    await ctx.sleep(1)
    return [doubled, seven]


@workflow
def generator_form(ctx: Context, n: int) -> Any:
    total = 0
    for i in range(n):
        total += yield from ctx.run(shop.echo, i)
        yield from ctx.sleep(1)
    return total


async def test_the_generator_form_is_as_durable() -> None:
    async with TestEngine(workflows=[generator_form]) as engine:
        handle = await engine.start(generator_form, 4)
        for _ in range(4):
            await engine.crash_and_recover()
            await engine.advance_time(1)
        assert await handle.result() == 6


async def test_G6_an_idempotency_key_gives_one_run_for_ever() -> None:
    async with TestEngine(workflows=[one_step, patient]) as engine:
        handles = await asyncio.gather(*(engine.start(one_step, 1, idempotency_key="k") for _ in range(5)))
        assert len({h.id for h in handles}) == 1
        await engine.crash_and_recover()
        assert (await engine.start(one_step, 1, idempotency_key="k")).id == handles[0].id
        with pytest.raises(IdempotencyKeyConflictError):
            await engine.start(one_step, 2, idempotency_key="k")
        with pytest.raises(IdempotencyKeyConflictError):
            await engine.start(patient, idempotency_key="k")


async def test_G6_an_id_and_an_idempotency_key_go_together() -> None:
    async with TestEngine(workflows=[patient]) as engine:
        for _ in range(2):
            assert (await engine.start(patient, id="r", idempotency_key="k")).id == "r"
        with pytest.raises(IdempotencyKeyConflictError):
            await engine.start(patient, id="other", idempotency_key="k")
        with pytest.raises(RunExistsError):
            await engine.start(patient, id="r", idempotency_key="another")
        assert (await engine.start(patient, idempotency_key="k")).id == "r"


async def test_a_duplicate_id_is_refused_also_while_the_first_is_being_started() -> None:
    async with TestEngine(workflows=[patient]) as engine:
        results = await asyncio.gather(*(engine.start(patient, id="r") for _ in range(3)), return_exceptions=True)
        assert [type(r).__name__ for r in results].count("RunExistsError") == 2
        with pytest.raises(RunExistsError, match=r"exists \(running\)"):
            await engine.start(patient, id="r")


async def test_bad_calls_are_refused_before_anything_is_written() -> None:
    async with TestEngine(workflows=[one_step], limits=Limits(max_payload_bytes=1000)) as engine:
        before = await engine.storage.scan("", limit=1000)
        with pytest.raises(WorkflowNotRegisteredError, match="registered: \\['one_step'\\]"):
            await engine.start("checkout")
        with pytest.raises(InvalidInputError, match="missing a required argument"):
            await engine.start(one_step)
        with pytest.raises(PayloadTooLargeError, match="over the limit of 1000"):
            await engine.start(one_step, "x" * 2000)
        with pytest.raises(NotSerializableError):
            await engine.start(one_step, object())
        for bad in ("", "a/b", 7, "x" * 300):
            with pytest.raises((InvalidInputError, Exception)):
                await engine.start(one_step, 1, id=bad)  # type: ignore[arg-type]
        assert await engine.storage.scan("", limit=1000) == before


async def test_a_result_over_the_limit_fails_at_the_line_that_awaits() -> None:
    async with TestEngine(workflows=[big], limits=Limits(max_payload_bytes=1000)) as engine:
        assert await (await engine.start(big)).result() == "PayloadTooLargeError"


@workflow
async def big(ctx: Context) -> str:
    try:
        await ctx.step("big", lambda: "x" * 5000)
    except PayloadTooLargeError as error:
        return error.code
    return "?"


async def test_a_foreign_await_is_an_error_at_its_line_and_other_runs_go_on() -> None:
    async with TestEngine(workflows=[foreign, one_step]) as engine:
        handle = await engine.start(foreign)
        with pytest.raises(RunFailedError) as caught:
            await handle.result()
        assert isinstance(caught.value.__cause__, ForeignAwaitError)
        assert "ctx.step" in str(caught.value) and "foreign" in str(caught.value)
        assert await (await engine.start(one_step, 1)).result() == 1


@workflow
async def foreign(ctx: Context) -> None:
    await asyncio.sleep(1)


async def test_an_unserialisable_local_names_variable_and_line_and_parks_only_that_run() -> None:
    async with TestEngine(workflows=[holder, one_step]) as engine:
        with pytest.raises(NotSerializableError, match="handle"):
            await engine.start(holder, True)
        handle = await engine.start(holder, False)
        await engine.signal(handle.id, "go")
        with pytest.raises(RunHeldError, match="NotSerializableError"):
            await handle.result()
        info = await handle.describe()
        assert info["status"] == "dead" and "handle" in info["error"]["message"]
        assert await (await engine.start(one_step, 1)).result() == 1
        await engine.crash_and_recover()
        assert (await handle.describe())["status"] == "dead"


@workflow
async def holder(ctx: Context, at_once: bool) -> None:
    if not at_once:
        await ctx.wait_for_signal("go")
    handle = iter(lambda: object(), None), object()
    await ctx.sleep(1)
    print(handle)


async def test_a_dead_run_can_be_taken_up_again_from_its_last_checkpoint() -> None:
    async with TestEngine(workflows=[mendable]) as engine:
        handle = await engine.start(mendable)
        mend["value"] = object()
        await handle.signal("go", 1)
        with pytest.raises(RunHeldError):
            await handle.result()
        await handle.signal("go", 2)  # accepted and buffered
        mend["value"] = 5
        await engine.resume(handle.id)
        assert await handle.result() == [1, 5]  # the first signal was never lost


mend: dict[str, Any] = {}


@workflow
async def mendable(ctx: Context) -> list[Any]:
    payload = await ctx.wait_for_signal("go")
    value = mend["value"]
    await ctx.run(shop.echo, 1)
    return [payload, value]


async def test_misused_branches_are_refused_with_the_remedy() -> None:
    async with TestEngine(workflows=[misuse]) as engine:
        assert await (await engine.start(misuse)).result() == ["OperationMisuseError"] * 2


async def plain_coroutine() -> None:
    """Not durable."""


@workflow
async def misuse(ctx: Context) -> list[str]:
    codes = []
    for branches in ([plain_coroutine()], []):
        try:
            await ctx.race(branches)
        except OperationMisuseError as error:
            codes.append(error.code)
    return codes


async def test_errors_that_a_checkpoint_cannot_hold_reach_the_workflow_by_name() -> None:
    async with TestEngine(workflows=[local_error]) as engine:
        assert await (await engine.start(local_error)).result() == "activity 'fails' failed: " + LOCAL_ERROR


LOCAL_ERROR = f"{__name__}.fails.<locals>.Local: gone"


@activity(retry=RetryPolicy(max_attempts=1))
async def fails() -> None:
    class Local(Exception):
        pass

    raise Local("gone")


@workflow
async def local_error(ctx: Context) -> str:
    try:
        await ctx.run(fails)
    except ActivityFailedError as error:
        return str(error)
    return "?"


async def test_G11_a_second_engine_fences_the_first() -> None:
    storage = MemoryStorage()
    first = Engine(storage=storage, workflows=[patient], host=virtual_host())
    await first.open()
    handle = await first.start(patient, id="r")
    waiting = asyncio.ensure_future(handle.result())
    await asyncio.sleep(0)
    async with Engine(storage=storage.reopen(), workflows=[patient], host=virtual_host(seed="b")) as second:
        with pytest.raises(EngineFencedError, match="another engine has taken over"):
            await first.signal("r", shop.approval)
        with pytest.raises(EngineFencedError):
            await waiting
        with pytest.raises(EngineFencedError):
            await first.start(patient)
        assert first.status == "fenced"
        await second.signal("r", shop.approval)
        assert await second.get_handle("r").result() == "approved"
    await first.close()


async def test_G18_a_corrupt_checkpoint_stops_its_run_and_no_other() -> None:
    async with TestEngine(workflows=[patient]) as engine:
        await engine.start(patient, id="a")
        await engine.start(patient, id="b")
        await engine.crash()
        data = bytearray(await engine.storage.get("ckpt/a") or b"")
        data[len(data) // 2] ^= 0xFF
        await engine.storage.put("ckpt/a", bytes(data))
        engine.use_storage_again()
        await engine.open()
        await engine.signal("a", shop.approval)
        await engine.signal("b", shop.approval)
        assert await engine.get_handle("b").result() == "approved"
        with pytest.raises(RunHeldError, match="CorruptRecordError"):
            await engine.get_handle("a").result()


async def test_G18_a_corrupt_run_record_is_listed_and_reported() -> None:
    async with TestEngine(workflows=[patient]) as engine:
        await engine.start(patient, id="a")
        await engine.start(patient, id="b")
        await engine.crash()
        await engine.storage.put("run/a", b"garbage")
        engine.use_storage_again()
        await engine.open()
        statuses = {i["id"]: (i["status"], (i["error"] or {}).get("code")) for i in (await engine.list()).items}
        assert statuses == {"a": ("dead", "CorruptRecordError"), "b": ("running", None)}
        await engine.signal("b", shop.approval)
        assert await engine.get_handle("b").result() == "approved"


async def test_G15_a_run_whose_workflow_is_missing_is_held_and_goes_on_when_it_comes_back() -> None:
    async with TestEngine(workflows=[crashing, patient]) as engine:
        await engine.start(patient, id="r")
        await engine.crash()
        rows = engine.storage.reopen()  # type: ignore[attr-defined]
    async with TestEngine(workflows=[one_step], storage=rows) as engine:
        await engine.signal("r", shop.approval)
        with pytest.raises(RunHeldError, match="WorkflowNotRegisteredError"):
            await engine.get_handle("r").result()
        assert (await engine.describe("r"))["status"] == "held"
        await engine.crash()
        rows = rows.reopen()
    async with TestEngine(workflows=[patient], storage=rows) as engine:
        assert await engine.get_handle("r").result() == "approved"


async def test_a_held_run_can_be_cancelled() -> None:
    async with TestEngine(workflows=[sleeper]) as engine:
        await engine.start(sleeper, id="r")
        await engine.crash()
        rows = engine.storage.reopen()  # type: ignore[attr-defined]
    async with TestEngine(workflows=[one_step], storage=rows) as engine:
        await engine.cancel("r", "no longer wanted")
        assert (await engine.describe("r"))["status"] == "cancelled"
        assert not await rows.scan("timer/") and not await rows.scan("ckpt/") and not await rows.scan("active/")


async def test_lists_are_paged_newest_first_and_filtered() -> None:
    async with TestEngine(workflows=[patient, one_step]) as engine:
        for i in range(7):
            engine.clock.advance_to(engine.clock.now_ms() + 1)
            await engine.start(patient, id=f"p{i}")
        await (await engine.start(one_step, 1, id="done")).result()
        first = await engine.list(workflow="patient", limit=3)
        assert [i["id"] for i in first.items] == ["p6", "p5", "p4"]
        second = await engine.list(workflow="patient", limit=3, cursor=first.cursor)
        assert [i["id"] for i in second.items] == ["p3", "p2", "p1"]
        assert [i["id"] for i in (await engine.list(status="completed")).items] == ["done"]


async def test_a_tail_has_every_event_once_from_any_cursor() -> None:
    async with TestEngine(workflows=[shop.checkout]) as engine:
        handle = await engine.start(shop.checkout, {"id": "o1", "total": 30})
        tail = asyncio.ensure_future(_collect(handle.tail()))
        await engine.settle()
        await handle.signal("approval", {"ok": True})
        await engine.advance_time("3 days")
        live = await tail
        assert [e["seq"] for e in live] == list(range(1, len(live) + 1))
        assert live[-1]["type"] == "run_completed" and live[-1]["result"] == shop.CHECKOUT_RESULT
        assert await handle.history() == live
        assert await handle.history(after=5, limit=4) == live[5:9]
        assert await _collect(handle.tail(after=9)) == live[9:]


async def _collect(tail: Any) -> list[dict[str, Any]]:
    return [event async for event in tail]


async def test_frames_show_the_waiting_line_and_the_live_locals() -> None:
    async with TestEngine(workflows=[shop.checkout]) as engine:
        handle = await engine.start(shop.checkout, {"id": "o1", "total": 30})
        await engine.settle()
        view = await engine.frames(handle.id)
        frame = view["tasks"][0]["frames"][-1]
        source = frame["source"]
        assert "wait_for_signal" in source["lines"][frame["line"] - source["first_line"]]
        assert {"charged", "order", "refused"} <= {v["name"] for v in frame["locals"]}


async def test_parked_runs_are_evicted_and_still_answer() -> None:
    async with TestEngine(workflows=[wait], limits=Limits(max_live_runs=10)) as engine:
        for i in range(50):
            await engine.start(wait, "a", "b", id=f"r{i}")
        await engine.settle()
        assert engine.diagnostics()["live_runs"] <= 10
        for i in range(50):
            await engine.signal(f"r{i}", "a", i)
        for i in range(50):
            await engine.signal(f"r{i}", "b", -i)
            assert await engine.get_handle(f"r{i}").result() == [i, -i]


async def test_mock_replaces_an_activity() -> None:
    async with TestEngine(workflows=[one_step]) as engine:
        engine.mock(shop.echo, lambda value: f"mocked {value}")
        assert await (await engine.start(one_step, 1)).result() == "mocked 1"

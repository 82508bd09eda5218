"""Interceptors: around attempts, before what comes from outside, and at every operation a workflow begins."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from weft_core import (
    ActivityInfo,
    CancelCall,
    Context,
    Interceptor,
    OperationCall,
    QueryCall,
    RetryPolicy,
    SignalCall,
    StartCall,
    UpdateCall,
    activity,
    activity_info,
    durable,
    workflow,
)  # fmt: skip
from weft_core.client import Dispatcher, leave_signal
from weft_core.errors import DefinitionError, InterceptorRefusedError, InvalidInputError, LimitExceededError
from weft_core.model.limits import Limits
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine, assert_survives_every_crash

log: list[Any] = []
effects: Counter[str] = Counter()


@pytest.fixture(autouse=True)
def _clean() -> None:
    log.clear()
    effects.clear()


@activity(retry=RetryPolicy(max_attempts=3, initial_interval=1, jitter=0))
async def carried(what: str) -> Any:
    info = activity_info()
    effects[what] += 1
    if what == "stumbles" and info.attempt == 1:
        raise ValueError(what)
    return what, info.headers


@activity
def carried_in_a_thread(what: str) -> str:
    return f"plain {what}"


@workflow
async def child_of(ctx: Context) -> Any:
    return await ctx.run(carried, "in the child")


@durable
async def branch(ctx: Context) -> Any:
    return await ctx.run(carried, "in a branch")


@workflow
async def everything(ctx: Context) -> Any:
    await ctx.sleep(1)
    first = await ctx.run(carried, "stumbles")
    both = await ctx.all([ctx.run(carried_in_a_thread, "x"), branch(ctx)])
    await ctx.set_attribute("city", "Bern")
    child = await ctx.child(child_of)
    return [first, both, child, await ctx.wait_for_signal("go")]


@workflow
async def calls_one(ctx: Context, what: str) -> Any:
    ctx.expose("what", what)
    try:
        return await ctx.run(carried, what)
    except PermissionError as error:
        return "refused", error.args


class Named(Interceptor):
    def __init__(self, name: str) -> None:
        self.name = name

    async def activity(self, info: ActivityInfo, args: tuple[Any, ...], next: Any) -> Any:
        log.append(f"{self.name} before {info.activity} {info.attempt}")
        try:
            return await next(*args)
        finally:
            log.append(f"{self.name} after {info.activity} {info.attempt}")

    def operation(self, call: OperationCall) -> None:
        log.append(f"{self.name} {call.kind}")


async def test_the_first_one_is_the_outermost_and_every_attempt_goes_through_all() -> None:
    async with TestEngine(workflows=[calls_one], interceptors=[Named("a"), Named("b")]) as engine:
        handle = await engine.start(calls_one, "stumbles")
        await engine.advance_time(5)
        assert (await handle.result())[0] == "stumbles"
    assert log == [
        "a activity", "b activity",
        *(f"{who} {when} carried {n}" for n in (1, 2) for who, when in
          (("a", "before"), ("b", "before"), ("b", "after"), ("a", "after"))),
    ]  # fmt: skip


class Tracing(Interceptor):
    """What people write interceptors for."""

    def start(self, call: StartCall) -> None:
        call.headers.setdefault("trace", f"trace of {call.id}")

    def operation(self, call: OperationCall) -> None:
        call.headers["span"] = f"{call.run_headers['trace']}: {call.kind} {call.name}"


async def test_headers_go_from_the_start_to_activities_branches_and_children_also_after_a_crash() -> None:
    engine = TestEngine(workflows=[everything, child_of], interceptors=[Tracing()])
    await engine.open()
    handle = await engine.start(everything, id="r", headers={"user": "ada"})
    await engine.crash_and_recover()
    await engine.advance_time(10)
    await engine.signal("r", "go", 1)
    first, both, child, _ = await engine.get_handle(handle.id).result()
    trace = "trace of r"
    assert first == ("stumbles", {"user": "ada", "trace": trace, "span": f"{trace}: activity carried"})
    assert both[1][1]["span"] == f"{trace}: activity carried"
    assert child[1] == {"user": "ada", "trace": trace, "span": f"{trace}: activity carried"}
    await engine.close()


async def test_an_operation_is_intercepted_once_when_it_begins_and_not_again_after_a_crash() -> None:
    """There is no replay; the original's interceptors were passed by for what its log already held."""
    engine = TestEngine(workflows=[everything, child_of], interceptors=[Named("a")])
    await engine.open()
    await engine.start(everything, id="r")
    for _ in range(4):
        await engine.crash_and_recover()
        await engine.advance_time(2)
    await engine.signal("r", "go", 1)
    await engine.get_handle("r").result()
    kinds = [entry for entry in log if "carried" not in entry]
    assert kinds == [
        "a sleep", "a activity", "a group", "a activity", "a activity", "a attribute", "a child", "a activity",
        "a signal",
    ]  # fmt: skip
    await engine.close()


class Changes(Interceptor):
    async def activity(self, info: ActivityInfo, args: tuple[Any, ...], next: Any) -> Any:
        return [await next(f"{args[0]}, attempted")]

    def start(self, call: StartCall) -> None:
        call.inputs = (f"{call.inputs[0]}, started",)

    def operation(self, call: OperationCall) -> None:
        if call.kind == "activity":
            call.args = (f"{call.args[0]}, begun",)

    def query(self, call: QueryCall) -> None:
        log.append((call.name, call.args))

    def cancel(self, call: CancelCall) -> None:
        call.reason = f"{call.reason}, intercepted"

    def signal(self, call: SignalCall) -> None:
        call.payload = [call.name, call.payload]


async def test_what_hooks_change_is_what_happens() -> None:
    async with TestEngine(workflows=[calls_one, everything, child_of], interceptors=[Changes()]) as engine:
        handle = await engine.start(calls_one, "hello")
        assert await handle.result() == [("hello, started, begun, attempted", {})]
        assert await engine.query(handle.id, "what") == "hello, started"
        assert log == [("what", ())]


@workflow
async def waits_twice(ctx: Context) -> Any:
    again = ctx.run(carried, "same")
    return [(await again)[0], (await again)[0], await ctx.wait_for_signal("go"), await ctx.wait_for_signal("go")]


class Appends(Interceptor):
    def operation(self, call: OperationCall) -> None:
        if call.kind == "activity":
            call.args = (call.args[0] + "!",)

    def signal(self, call: SignalCall) -> None:
        call.payload = [call.payload]


async def test_an_operation_that_is_awaited_twice_is_changed_once_each_and_signals_of_the_inbox_are_seen() -> None:
    storage = MemoryStorage()
    async with TestEngine(workflows=[waits_twice], interceptors=[Appends()], storage=storage) as engine:
        handle = await engine.start(waits_twice)
        await engine.settle()
        await engine.signal(handle.id, "go", 1)
        await leave_signal(storage, engine._host.ids, handle.id, "go", 2)  # type: ignore[union-attr]
        await engine._parts.inbox.take()
        assert await handle.result() == ["same!", "same!", [1], [2]]


class Refuses(Interceptor):
    def __init__(self, *names: str) -> None:
        self.names = names

    def _refuse(self, name: str) -> None:
        if name in self.names:
            raise PermissionError(f"no {name}")

    def start(self, call: StartCall) -> None:
        self._refuse("start")

    def signal(self, call: SignalCall) -> None:
        self._refuse("signal")

    def update(self, call: UpdateCall) -> None:
        self._refuse("update")

    def query(self, call: QueryCall) -> None:
        self._refuse("query")

    def cancel(self, call: CancelCall) -> None:
        self._refuse("cancel")

    def operation(self, call: OperationCall) -> None:
        self._refuse(call.kind)


async def test_what_is_refused_from_outside_is_an_error_of_ours_and_nothing_is_written() -> None:
    async with TestEngine(
        workflows=[calls_one, waits_twice], interceptors=[refuses := Refuses("signal", "update", "query", "cancel")]
    ) as engine:
        handle = await engine.start(waits_twice)
        await engine.settle()
        before = dict(await engine.storage.scan("", limit=1000))
        for call in (handle.signal("go"), engine.update(handle.id, "x"), handle.query("x"), handle.cancel()):
            with pytest.raises(InterceptorRefusedError, match="PermissionError: no"):
                await call
        refuses.names = ("start",)
        with pytest.raises(InterceptorRefusedError, match="start of calls_one") as caught:
            await engine.start(calls_one, "x")
        assert isinstance(caught.value.__cause__, PermissionError)
        assert dict(await engine.storage.scan("", limit=1000)) == before


async def test_an_operation_that_is_refused_raises_at_its_line_and_in_a_group() -> None:
    @workflow
    async def grouped(ctx: Context) -> Any:
        try:
            await ctx.all([ctx.sleep(60), ctx.run(carried, "x")])
        except PermissionError as error:
            return error.args

    async with TestEngine(workflows=[calls_one, grouped], interceptors=[Refuses("activity")]) as engine:
        assert await (await engine.start(calls_one, "x")).result() == ("refused", ("no activity",))
        assert await (await engine.start(grouped)).result() == ("no activity",)
    assert not effects


class Caches(Interceptor):
    async def activity(self, info: ActivityInfo, args: tuple[Any, ...], next: Any) -> Any:
        return "cached" if args == ("x",) else await next(*args)


async def test_an_activity_interceptor_may_answer_itself_and_works_for_plain_functions() -> None:
    @workflow
    async def two_kinds(ctx: Context) -> Any:
        return [await ctx.run(carried, "x"), await ctx.run(carried_in_a_thread, "y"), await ctx.step("s", str, 5)]

    async with TestEngine(workflows=[two_kinds], interceptors=[Caches(), Named("n")]) as engine:
        assert await (await engine.start(two_kinds)).result() == ["cached", "plain y", "5"]
    assert not effects


class OutOfOrder(Interceptor):
    def operation(self, call: OperationCall) -> None:
        if call.kind == "activity":
            call.headers["seen"] = str(len(effects))


@workflow
async def crashed(ctx: Context, n: int) -> Any:
    return [(await ctx.run(carried, f"step {i}"))[1] for i in range(n)]


async def test_what_an_interceptor_added_is_stored_and_survives_a_crash_at_every_write() -> None:
    def check(told: Any) -> None:
        assert told == [{"seen": "0"}, {"seen": "1"}, {"seen": "2"}]

    report = await assert_survives_every_crash(
        crashed, 3, check=check, reset=effects.clear, interceptors=[OutOfOrder(), PassesOn()]
    )
    assert report.crashes == 2 * report.writes


class PassesOn(Interceptor):
    async def activity(self, info: ActivityInfo, args: tuple[Any, ...], next: Any) -> Any:
        return await next(*args)


@pytest.mark.parametrize("headers", [{"a": 1}, {1: "a"}, ["a"], "a", {"a": None}])
async def test_headers_that_are_none_are_refused(headers: Any) -> None:
    async with TestEngine(workflows=[calls_one]) as engine:
        with pytest.raises(InvalidInputError, match="headers are a dict of texts"):
            await engine.start(calls_one, "x", headers=headers)


async def test_headers_have_a_bound_and_the_wire_carries_them() -> None:
    async with TestEngine(workflows=[calls_one], limits=Limits(max_headers_bytes=20)) as engine:
        with pytest.raises(LimitExceededError):
            await engine.start(calls_one, "x", headers={"a": "b" * 20})
        params = json.dumps({"workflow": "calls_one", "input": ["x"], "id": "w", "headers": {"a": "b"}})
        assert "ok" in json.loads(await Dispatcher(engine).call("start", params))
        assert (await engine.get_handle("w").result())[1] == {"a": "b"}


async def test_an_interceptor_that_none_overrides_is_not_in_the_way() -> None:
    async with TestEngine(workflows=[calls_one], interceptors=[Interceptor()]) as engine:
        assert engine.interceptors.operation is None and not engine.interceptors.around_activities
        assert (await (await engine.start(calls_one, "x")).result())[0] == "x"
    with pytest.raises(DefinitionError, match="not an interceptor"):
        TestEngine(interceptors=[Named])  # the class, not one of it

"""Scopes that authors write as durable context managers: sagas, a mutex, time limits; crashed at every write."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from weft_core import Context, RetryPolicy, Workflow, activity, durable, workflow
from weft_core.codec import register
from weft_core.testing import assert_survives_every_crash

effects: Counter[str] = Counter()


class Refused(Exception):
    """What ``act`` fails with."""


class OutOfTimeError(Exception):
    """A time limit has passed."""


@activity(retry=RetryPolicy(non_retryable=("Refused",)))
async def act(what: str) -> str:
    effects[what] += 1
    if what.startswith("refused"):
        raise Refused(what)
    return what


# ------------------------------------------------------------------ sagas


@register
class Saga:
    """Undoes what was done, last first, if its block fails."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.undo: list[str] = []

    @durable
    async def __aenter__(self) -> Saga:
        return self

    @durable
    async def do(self, what: str) -> str:
        done: str = await self.ctx.run(act, what)
        self.undo.append(f"undo {what}")
        return done

    @durable
    async def __aexit__(self, kind: Any, error: BaseException | None, traceback: Any) -> bool:
        while error is not None and self.undo:
            await self.ctx.run(act, self.undo[-1])
            self.undo.pop()
        return False


@workflow
async def class_saga(ctx: Context, n: int) -> Any:
    try:
        async with Saga(ctx) as saga:
            done = [await saga.do(f"step {i}") for i in range(n)]
            await ctx.sleep("1 minute")
            await saga.do("refused")
    except Refused as error:
        return done, error.args, saga.undo


@durable
async def undo(ctx: Context, what: str) -> None:
    await ctx.run(act, f"undo {what}")


@workflow
async def stack_saga(ctx: Context, n: int) -> Any:
    done = []
    try:
        async with contextlib.AsyncExitStack() as stack:
            for i in range(n):
                done.append(await ctx.run(act, f"step {i}"))
                stack.push_async_callback(undo, ctx, done[-1])
            await ctx.run(act, "refused")
            stack.pop_all()
    except Refused as error:
        return done, error.args


# ------------------------------------------------------------------ a mutex


@contextlib.asynccontextmanager
@durable
async def mutex(ctx: Context, name: str) -> AsyncIterator[str]:
    ticket: str = await ctx.run(act, f"acquire {name}")
    try:
        yield ticket
    finally:
        await ctx.run(act, f"release {name}")


@durable
async def under_lock(ctx: Context, n: int) -> str:
    async with mutex(ctx, f"lock {n}") as ticket, mutex(ctx, f"inner {n}"):
        await ctx.sleep(n)
        if n == 1:
            await ctx.run(act, "refused under lock")
        return ticket


@workflow
async def locked(ctx: Context, n: int) -> Any:
    out: list[Any] = []
    for i in range(n):
        try:
            out.append(await under_lock(ctx, i))
        except Refused as error:
            out.append(error.args)
    return out, await ctx.all([under_lock(ctx, 2), under_lock(ctx, 3)])


# ------------------------------------------------------------------ time limits


@register
class Limit:
    """What is run through it may last until its deadline; nested limits keep theirs."""

    def __init__(self, ctx: Context, seconds: float) -> None:
        self.ctx, self.seconds, self.deadline = ctx, seconds, 0.0

    @durable
    async def __aenter__(self) -> Limit:
        self.deadline = self.ctx.now().timestamp() + self.seconds
        return self

    @durable
    async def run(self, operation: Any) -> Any:
        first, value = await self.ctx.race({"it": operation, "time": self.ctx.sleep_until(self.deadline)})
        if first == "time":
            raise OutOfTimeError(self.seconds)
        return value

    @durable
    async def __aexit__(self, *error: object) -> bool:
        await self.ctx.run(act, f"limit {self.seconds} left")
        return False


@durable
async def slow(ctx: Context, n: int) -> str:
    for _ in range(n):
        await ctx.sleep("1 minute")
    return f"slow {n}"


@workflow
async def limited(ctx: Context, n: int) -> Any:
    out = []
    for minutes in (1, n):
        try:
            async with Limit(ctx, 200) as outer:
                async with Limit(ctx, 100) as inner:
                    out.append(await inner.run(slow(ctx, minutes)))
                out.append(await outer.run(slow(ctx, minutes)))
        except OutOfTimeError as late:
            out.append(late.args)
    return out


WANTED = {
    "class_saga": ((["step 0", "step 1", "step 2"], ("refused",), []), ["undo step 2", "undo step 0"]),
    "stack_saga": ((["step 0", "step 1", "step 2"], ("refused",)), ["undo step 2", "undo step 0"]),
    "locked": (
        (["acquire lock 0", ("refused under lock",), "acquire lock 2"], ["acquire lock 2", "acquire lock 3"]),
        ["release lock 1", "release inner 1", "release lock 3"],
    ),
    "limited": (["slow 1", "slow 1", (100,)], ["limit 100 left", "limit 200 left"]),
}


@pytest.mark.parametrize("program", [class_saga, stack_saga, locked, limited], ids=lambda program: program.name)
async def test_a_scope_is_left_once_whatever_crashes(program: Workflow) -> None:
    result, happened = WANTED[program.name]
    once: Counter[str] = Counter()

    def check(told: object) -> None:
        assert told == result
        if not once:
            once.update(effects)
        assert all(once[what] for what in happened)
        # only what was under way when the engine crashed may have happened twice (G4)
        assert effects.keys() == once.keys()
        assert sum((effects - once).values()) <= 2

    report = await assert_survives_every_crash(program, 3, check=check, reset=effects.clear)
    assert report.crashes == 2 * report.writes

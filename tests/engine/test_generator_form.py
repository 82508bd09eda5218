"""The generator form (``x = yield from ctx.run(...)``) has the power of ``async def``.

Each program is written in both forms. The real engine runs them, crashes before and after each of its writes, and gets
one result.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from weft_core import Context, RetryPolicy, Workflow, activity, durable, workflow
from weft_core.errors import RunFailedError
from weft_core.testing import TestEngine, assert_survives_every_crash

Steps = Generator[Any, Any, Any]


class Refused(Exception):
    """What ``refuse`` fails with."""


@activity
async def give(value: Any) -> Any:
    return value


@activity(retry=RetryPolicy(non_retryable=("Refused",)))
async def refuse(value: Any) -> None:
    raise Refused(value)


# ------------------------------------------------------------------ a helper that cleans up after itself


@durable
async def booking(ctx: Context, name: str, notes: list[Any], fails: bool) -> str:
    try:
        notes.append(("book", await ctx.run(give, name)))
        await ctx.sleep("1 minute")
        if fails:
            await ctx.run(refuse, name)
    except Refused as error:
        notes.append(("refused", await ctx.run(give, error.args[0])))
        raise
    else:
        return await ctx.run(give, name.upper())
    finally:
        notes.append(("left", await ctx.run(give, name)))


@workflow
async def errands(ctx: Context, n: int) -> Any:
    notes: list[Any] = []
    for i in range(n):
        try:
            notes.append(await booking(ctx, f"b{i}", notes, i == 1))
        except Refused as error:
            notes.append(("failed", error.args))
            continue
    else:
        notes.append(await ctx.run(give, "else"))
    while len(notes) < 20:
        notes.append((await ctx.run(give, len(notes))) + (await ctx.run(give, 1)))
    return notes


@durable
def booking_steps(ctx: Context, name: str, notes: list[Any], fails: bool) -> Steps:
    try:
        notes.append(("book", (yield from ctx.run(give, name))))
        yield from ctx.sleep("1 minute")
        if fails:
            yield from ctx.run(refuse, name)
    except Refused as error:
        notes.append(("refused", (yield from ctx.run(give, error.args[0]))))
        raise
    else:
        return (yield from ctx.run(give, name.upper()))
    finally:
        notes.append(("left", (yield from ctx.run(give, name))))


@workflow
def errands_steps(ctx: Context, n: int) -> Steps:
    notes: list[Any] = []
    for i in range(n):
        try:
            notes.append((yield from booking_steps(ctx, f"b{i}", notes, i == 1)))
        except Refused as error:
            notes.append(("failed", error.args))
            continue
    else:
        notes.append((yield from ctx.run(give, "else")))
    while len(notes) < 20:
        notes.append((yield from ctx.run(give, len(notes))) + (yield from ctx.run(give, 1)))
    return notes


# ------------------------------------------------------------------ branches


@durable
async def branch(ctx: Context, n: int) -> int:
    total = 0
    for i in range(n):
        total += await ctx.run(give, i + 1)
        await ctx.sleep(n)
    return total


@workflow
async def fan(ctx: Context, n: int) -> Any:
    all_ = await ctx.all([branch(ctx, i) for i in range(n)])
    keyed = await ctx.all({"one": branch(ctx, 1), "give": ctx.run(give, "x")})
    first = await ctx.race({"slow": branch(ctx, 3), "fast": branch(ctx, 1)})
    try:
        await ctx.all([branch(ctx, 2), ctx.run(refuse, "r")])
    except Refused as error:
        return all_, keyed, first, await ctx.run(give, error.args)


@durable
def branch_steps(ctx: Context, n: int) -> Steps:
    total = 0
    for i in range(n):
        total += yield from ctx.run(give, i + 1)
        yield from ctx.sleep(n)
    return total


@workflow
def fan_steps(ctx: Context, n: int) -> Steps:
    all_ = yield from ctx.all([branch_steps(ctx, i) for i in range(n)])
    keyed = yield from ctx.all({"one": branch_steps(ctx, 1), "give": ctx.run(give, "x")})
    first = yield from ctx.race({"slow": branch_steps(ctx, 3), "fast": branch(ctx, 1)})
    try:
        yield from ctx.all([branch_steps(ctx, 2), ctx.run(refuse, "r")])
    except Refused as error:
        return all_, keyed, first, (yield from ctx.run(give, error.args))


# ------------------------------------------------------------------ expressions, with, match, closures, lambdas


@contextlib.contextmanager
@durable
def noted(notes: list[Any], name: str) -> Iterator[str]:
    notes.append(("enter", name))
    try:
        yield name
    finally:
        notes.append(("exit", name))


@workflow
async def mixed(ctx: Context, n: int) -> Any:
    notes: list[Any] = []
    with noted(notes, "a") as a, noted(notes, "b"):
        count = 0

        def more(by: int = 1) -> int:
            nonlocal count
            count += by
            return count

        more(await ctx.run(give, n))
        pair = [more(), await ctx.run(give, count), *await ctx.run(give, [more(2)])]
        match await ctx.run(give, {"k": pair}):
            case {"k": [first, *rest]} if first < await ctx.run(give, 100):
                notes.append((first, rest, f"{await ctx.run(give, 3.14159):.{await ctx.run(give, 2)}f}"))
        notes.append(1 < await ctx.run(give, 2) < await ctx.run(give, 3))
        notes.append((x := await ctx.run(give, 5)) and x + 1)
        return a, notes, await ctx.step("lambda", lambda: count + x)


@workflow
def mixed_steps(ctx: Context, n: int) -> Steps:
    notes: list[Any] = []
    with noted(notes, "a") as a, noted(notes, "b"):
        count = 0

        def more(by: int = 1) -> int:
            nonlocal count
            count += by
            return count

        more((yield from ctx.run(give, n)))
        pair = [more(), (yield from ctx.run(give, count)), *(yield from ctx.run(give, [more(2)]))]
        match (yield from ctx.run(give, {"k": pair})):
            case {"k": [first, *rest]} if first < (yield from ctx.run(give, 100)):
                notes.append((first, rest, f"{(yield from ctx.run(give, 3.14159)):.{(yield from ctx.run(give, 2))}f}"))
        notes.append(1 < (yield from ctx.run(give, 2)) < (yield from ctx.run(give, 3)))
        notes.append((x := (yield from ctx.run(give, 5))) and x + 1)
        return a, notes, (yield from ctx.step("lambda", lambda: count + x))


@workflow
async def failing(ctx: Context, n: int) -> None:
    try:
        await ctx.run(refuse, n)
    finally:
        await ctx.run(give, "cleanup")


@workflow
def failing_steps(ctx: Context, n: int) -> Steps:
    try:
        yield from ctx.run(refuse, n)
    finally:
        yield from ctx.run(give, "cleanup")


PAIRS = [(errands, errands_steps), (fan, fan_steps), (mixed, mixed_steps), (failing, failing_steps)]


def plain(result: Any) -> Any:
    return str(result).replace("_steps", "") if isinstance(result, RunFailedError) else result


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0].name)
async def test_both_forms_give_one_result_whatever_crashes(pair: tuple[Workflow, Workflow]) -> None:
    async with TestEngine(workflows=[pair[0]]) as engine:
        handle = await engine.start(pair[0], 3, id="run")
        try:
            wanted = await engine.run_to_end(handle)
        except RunFailedError as failed:
            wanted = plain(failed)
    report = await assert_survives_every_crash(pair[1], 3, check=lambda result: plain(result) == wanted)
    assert report.crashes == 2 * report.writes

"""``ctx.map``: a sliding window, not waves; results in order; the first failure cancels the others."""

from __future__ import annotations

from typing import Any

import pytest

from weft_core import Context, activity, durable, workflow
from weft_core.errors import OperationMisuseError, RunFailedError
from weft_core.testing import TestEngine, assert_survives_every_crash

begun: list[Any] = []


@activity
async def square(n: int) -> int:
    return n * n


@durable
async def nap(ctx: Context, minutes: int) -> int:
    begun.append(minutes)
    try:
        await ctx.sleep(minutes * 60)
    finally:
        begun.append(-minutes)
    return await ctx.run(square, minutes)


@workflow
async def squares(ctx: Context, items: list[int], concurrency: int) -> list[int]:
    return await ctx.map(square, items, concurrency=concurrency)


@workflow
async def naps(ctx: Context, items: list[int], concurrency: int) -> list[int]:
    return await ctx.map(nap, items, concurrency=concurrency)


@workflow
async def one(ctx: Context, n: int) -> int:
    await ctx.sleep(60)
    return n + 1


@workflow
async def children(ctx: Context, items: list[int]) -> list[int]:
    return await ctx.map(one, items, concurrency=2)


@workflow
async def closures(ctx: Context, items: list[int], by: int) -> list[Any]:
    return await ctx.map(lambda n: ctx.run(square, n + by), items)


@pytest.fixture(autouse=True)
def _forget() -> None:
    begun.clear()


async def test_the_values_are_in_the_order_of_the_items() -> None:
    async with TestEngine(workflows=[squares, closures]) as engine:
        assert await (await engine.start(squares, list(range(25)), 3)).result() == [n * n for n in range(25)]
        assert await (await engine.start(squares, [], 3)).result() == []
        assert await (await engine.start(closures, [1, 2], 10)).result() == [121, 144]


async def test_the_next_item_begins_when_one_ends_and_not_when_all_of_a_wave_have() -> None:
    async with TestEngine(workflows=[naps]) as engine:
        handle = await engine.start(naps, [10, 1, 2, 3], 2)
        await engine.settle()
        assert begun == [10, 1]
        await engine.advance_time("1 minute")
        assert begun == [10, 1, -1, 2], "the original maps in waves: it would wait for the slow one"
        await engine.crash_and_recover()
        await engine.advance_time("10 minutes")
        assert await handle.result() == [100, 1, 4, 9]


async def test_each_item_may_be_a_child_run() -> None:
    async with TestEngine(workflows=[children, one]) as engine:
        handle = await engine.start(children, [1, 2, 3])
        await engine.advance_time("90 seconds")
        assert len((await engine.list(status="running")).items) == 2
        await engine.advance_time("1 minute")
        assert await handle.result() == [2, 3, 4]


async def test_the_first_failure_cancels_the_others_and_begins_no_more() -> None:
    @workflow(name="failing")
    async def failing(ctx: Context) -> Any:
        def make(n: int) -> Any:
            if n == 2:
                raise ValueError("two")
            return nap(ctx, n)

        return await ctx.map(make, [5, 2, 7], concurrency=2)

    async with TestEngine(workflows=[failing]) as engine:
        with pytest.raises(RunFailedError) as failed:
            await (await engine.start(failing)).result()
        assert str(failed.value.__cause__) == "two"
        assert begun == [5, -5]


@pytest.mark.parametrize("concurrency", [0, -1, 1_000_000, None])
async def test_a_window_of_a_wrong_size_is_refused(concurrency: Any) -> None:
    async with TestEngine(workflows=[squares]) as engine:
        with pytest.raises(RunFailedError) as failed:
            await (await engine.start(squares, [1], concurrency)).result()
        assert isinstance(failed.value.__cause__, OperationMisuseError)


async def test_a_target_that_makes_no_operation_is_an_error_of_the_await() -> None:
    @workflow(name="misused")
    async def misused(ctx: Context) -> Any:
        return await ctx.map(lambda n: n, [1])

    async with TestEngine(workflows=[misused]) as engine:
        with pytest.raises(RunFailedError) as failed:
            await (await engine.start(misused)).result()
        assert isinstance(failed.value.__cause__, OperationMisuseError)


async def test_G1_a_map_survives_a_crash_at_every_write() -> None:
    report = await assert_survives_every_crash(naps, [3, 1, 2, 1], 2)
    assert report.writes >= 10
    await assert_survives_every_crash(children, [1, 2], workflows=[one])

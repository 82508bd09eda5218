"""The smallest workflows that show what an engine costs."""

from __future__ import annotations

import asyncio
from typing import Any

from weft_core import Context, activity, signal, workflow

go = signal("go")


@activity
async def nothing(value: int) -> int:
    return value


@activity
async def answer(value: int) -> None:
    answers[-1].set_result(value)


answers: list[asyncio.Future[int]] = []
"""The last one is where :func:`answer` leaves what it is given."""


@workflow
async def counting(ctx: Context, steps: int) -> int:
    total = 0
    for number in range(steps):
        total += await ctx.run(nothing, number)
    return total


@workflow
async def counting_then_answering(ctx: Context, steps: int) -> int:
    total = 0
    for number in range(steps):
        total += await ctx.run(nothing, number)
    while True:
        await ctx.wait_for_signal(go)
        await ctx.run(answer, total)


@workflow
async def parked(ctx: Context, number: int) -> Any:
    answer = await ctx.wait_for_signal(go)
    return [number, answer]


WORKFLOWS = [counting, counting_then_answering, parked]
ACTIVITIES: list[Any] = [nothing, answer]

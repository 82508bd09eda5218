"""The smallest workflows that show what an engine costs."""

from __future__ import annotations

from typing import Any

from weft_core import Context, activity, signal, workflow

go = signal("go")


@activity
async def nothing(value: int) -> int:
    return value


@workflow
async def counting(ctx: Context, steps: int) -> int:
    total = 0
    for number in range(steps):
        total += await ctx.run(nothing, number)
    return total


@workflow
async def counting_then_waiting(ctx: Context, steps: int) -> int:
    total = 0
    for number in range(steps):
        total += await ctx.run(nothing, number)
    await ctx.wait_for_signal(go)
    return total


@workflow
async def parked(ctx: Context, number: int) -> Any:
    answer = await ctx.wait_for_signal(go)
    return [number, answer]


WORKFLOWS = [counting, counting_then_waiting, parked]
ACTIVITIES = [nothing]

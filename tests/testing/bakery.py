"""Workflows as a user's tests would have them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from weft_core import Context, RetryPolicy, activity, activity_info, signal, workflow

effects: Counter[str] = Counter()
"""Calls by idempotency key, as a receiver counts them."""

paid = signal("paid")
often = RetryPolicy(max_attempts=5, initial_interval=1, jitter=0)


def forget() -> None:
    effects.clear()


@activity(retry=often)
async def bake(cake: str) -> str:
    effects[activity_info().idempotency_key] += 1
    return f"{cake} cake"


@activity(retry=often)
def deliver(cake: str, *, street: str = "Main St") -> str:
    effects[activity_info().idempotency_key] += 1
    return f"{cake} at {street}"


@activity(retry=RetryPolicy(max_attempts=1))
async def ring_once(door: str) -> str:
    return f"rang {door}"


class OvenBroken(Exception):
    pass


@activity(retry=RetryPolicy(max_attempts=5, initial_interval=1, jitter=0, non_retryable=(OvenBroken,)))
async def repair() -> None:
    raise OvenBroken("no spare parts")


@activity(retry=often)
async def rent() -> None:
    raise OvenBroken("nobody rents one out")


@workflow
async def order(ctx: Context, cake: str) -> dict[str, Any]:
    baked = await ctx.run(bake, cake)
    amount = await ctx.wait_for_signal(paid, timeout="3 days")
    await ctx.sleep("12 hours")
    first, second = await ctx.all([ctx.run(deliver, baked), ctx.run(bake, "small")])
    return {"amount": amount, "delivered": first, "extra": second}


@workflow
async def broken(ctx: Context) -> None:
    await ctx.run(repair)


@workflow
async def renting(ctx: Context) -> None:
    await ctx.run(rent)


@workflow
async def doorbell(ctx: Context) -> str:
    return await ctx.run(ring_once, "front")


@workflow
async def dice(ctx: Context) -> float:
    await ctx.run(bake, "plain")
    return ctx.random()


@workflow
async def waits_for_ever(ctx: Context) -> Any:
    return await ctx.wait_for_signal(paid)


@workflow
async def big_order(ctx: Context, cakes: list[str]) -> list[Any]:
    """Several orders as runs of their own, one of which nobody waits for."""
    await ctx.start_child(tasting, on_parent_close="abandon")
    return [(await ctx.child(order, cake, id=f"order of {cake}"))["delivered"] for cake in cakes]


@workflow
async def tasting(ctx: Context) -> str:
    await ctx.sleep("30 days")
    return await ctx.run(bake, "tiny")

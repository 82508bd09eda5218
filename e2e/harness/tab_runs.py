"""Runs for tests of many tabs: that keep their worker busy, that go on for a while, that are short."""

import asyncio
import json

from js import URL, XMLHttpRequest, caches, self

from weft_core import Context, RetryPolicy, activity, activity_info, signal, workflow

go = signal("go")


@activity
def reserve_and_wait(order_id: str) -> dict:
    """A request that blocks the worker until the shop answers."""
    request = XMLHttpRequest.new()
    request.open("POST", URL.new("../api/reserve", self.location.href).href, False)
    request.setRequestHeader("Content-Type", "application/json")
    request.setRequestHeader("Idempotency-Key", activity_info().idempotency_key)
    request.send(json.dumps({"order": order_id, "quantities": {"yarn": 1}}))
    return json.loads(request.responseText)


@workflow
async def hasty(ctx: Context, order_id: str) -> dict:
    return await ctx.run(reserve_and_wait, order_id)


@workflow
async def looping(ctx: Context) -> None:
    await ctx.wait_for_signal(go)
    while True:
        pass


@activity
async def enough() -> bool:
    """The page says so with a cache of that name."""
    return await caches.has("enough")


@activity(retry=RetryPolicy(max_attempts=20))
async def count(upto: int) -> int:
    """At least so far, and until it is enough."""
    numbers, number = activity_info().stream("numbers"), 0
    while number < upto or not await enough():
        number += 1
        await numbers.write(number)
        await asyncio.sleep(0.05)
    return number


@workflow
async def counting(ctx: Context, upto: int) -> int:
    counted = await ctx.run(count, upto)
    ctx.stream("numbers").close()
    return counted


@workflow
async def steps(ctx: Context) -> int:
    """Until it is enough."""
    number = 0
    while not await ctx.run(enough):
        await ctx.sleep("100 milliseconds")
        number += 1
    return number


@workflow
async def short(ctx: Context, text: str) -> str:
    return text

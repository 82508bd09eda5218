"""Runs for tests of many tabs: that keep their worker busy, that go on for a while, that are short."""

import asyncio
import json

from js import URL, XMLHttpRequest, self

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


@activity(retry=RetryPolicy(max_attempts=20))
async def count(upto: int) -> int:
    numbers = activity_info().stream("numbers")
    for number in range(1, upto + 1):
        await numbers.write(number)
        await asyncio.sleep(0.05)
    return upto


@workflow
async def counting(ctx: Context, upto: int) -> int:
    counted = await ctx.run(count, upto)
    ctx.stream("numbers").close()
    return counted


@workflow
async def steps(ctx: Context, number: int) -> int:
    for _ in range(number):
        await ctx.sleep("60 milliseconds")
    return number


@workflow
async def short(ctx: Context, text: str) -> str:
    return text

"""Runs that compute without a pause, in all the ways in which they can be ended; and one that does not."""

import asyncio
import collections
import itertools
import json

from js import URL, self
from pyodide.http import pyfetch

from weft_core import Context, RetryPolicy, activity, activity_info, signal, workflow

go = signal("go")
SHOP = "../api/charge"


@activity
async def charge(order_id: str) -> dict:
    headers = {"Content-Type": "application/json", "Idempotency-Key": activity_info().idempotency_key}
    body = json.dumps({"order": order_id, "cents": 4900})
    answer = await pyfetch(URL.new(SHOP, self.location.href).href, method="POST", headers=headers, body=body)
    return await answer.json()


@workflow
async def loops(ctx: Context, order_id: str) -> None:
    await ctx.run(charge, order_id)
    await ctx.wait_for_signal(go)
    while True:
        pass


@workflow
async def catches_everything(ctx: Context, order_id: str) -> None:
    await ctx.run(charge, order_id)
    await ctx.wait_for_signal(go)
    while True:
        try:
            sum(range(100))
        except BaseException:
            continue


@activity(retry=RetryPolicy(max_attempts=5))
async def spins(order_id: str) -> None:
    await asyncio.sleep(0)
    await asyncio.gather(asyncio.sleep(0.01), _spin())


async def _spin() -> None:
    await asyncio.sleep(0)
    while True:
        pass


@workflow
async def gives_work(ctx: Context, order_id: str) -> str:
    await ctx.run(charge, order_id)
    try:
        await ctx.run(spins, order_id)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "it ended"


@workflow
async def cannot_be_ended(ctx: Context, order_id: str) -> None:
    await ctx.run(charge, order_id)
    await ctx.wait_for_signal(go)
    in_c()


@workflow
async def hangs_when_it_is_due(ctx: Context, order_id: str) -> None:
    await ctx.run(charge, order_id)
    await ctx.sleep("1 second")
    in_c()


def in_c() -> None:
    """One call that never comes back to Python, so no signal is looked at."""
    collections.deque(itertools.repeat(None), 0)


@workflow
async def ordinary(ctx: Context, order_id: str) -> str:
    await ctx.run(charge, order_id)
    await ctx.sleep("200 milliseconds")
    return "done"

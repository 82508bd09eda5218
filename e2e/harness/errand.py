"""Errands: requests to the shop one after the other. One that fails waits for ten minutes, unless it is hurried."""

import asyncio
import json

from js import URL, Object, fetch, self
from pyodide.ffi import JsException, to_js

from weft_core import Context, RetryPolicy, activity, activity_info, signal, workflow

RARELY = RetryPolicy(max_attempts=9, initial_interval=600, backoff=1, jitter=0)
STEPS = ("reserve", "charge", "receipt", "ship")

go = signal("go")


@activity(retry=RARELY)
async def ask_shop(operation: str, order: str) -> str:
    headers = {"Content-Type": "application/json", "Idempotency-Key": activity_info().idempotency_key}
    options = {"method": "POST", "headers": headers, "body": json.dumps({"order": order})}
    try:
        response = await fetch(
            URL.new(f"/api/{operation}", self.location.href).href, to_js(options, dict_converter=Object.fromEntries)
        )
    except JsException as error:
        raise OSError(str(error)) from None
    return json.loads(await response.text())["reference"]


@workflow
async def errand(ctx: Context, order: str) -> list[str]:
    return [await ctx.run(ask_shop, operation, order) for operation in STEPS]


@activity
async def count(number: int) -> int:
    await asyncio.sleep(0.02)  # so that each step has a commit of its own
    return number + 1


@workflow
async def six_steps(ctx: Context, order: str) -> int:
    done = [await ctx.run(ask_shop, operation, order) for operation in STEPS]
    return await ctx.run(count, await ctx.run(count, len(done)))


@workflow(signals=[go])
async def patient(ctx: Context) -> object:
    return await ctx.wait_for_signal(go)

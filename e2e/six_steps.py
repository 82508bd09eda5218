"""A run of six steps whose effects a shop outside counts; with ``until`` it waits for a signal in the middle."""

import json

from js import URL, Object, fetch, self
from pyodide.ffi import to_js

from weft_core import Context, activity, activity_info, signal, workflow

SHOP = URL.new("../api/charge", self.location.href).href
go = signal[str]("go")


@activity
async def effect(order: str, number: int) -> int:
    headers = {"Content-Type": "application/json", "Idempotency-Key": activity_info().idempotency_key}
    options = {"method": "POST", "headers": headers, "body": json.dumps({"order": order, "cents": number})}
    response = await fetch(SHOP, to_js(options, dict_converter=Object.fromEntries))
    assert response.ok, response.status
    return number


@workflow
async def six(ctx: Context, order: str, wait: bool = False) -> list[int]:
    done = [await ctx.run(effect, order, number) for number in range(3)]
    if wait:
        await ctx.wait_for_signal(go)
    return done + [await ctx.run(effect, order, number) for number in range(3, 6)]


@activity
def bulk(size: int, letter: str) -> str:
    """A value that no compression makes smaller."""
    import random

    return random.Random(letter).randbytes(size // 2).hex()


@workflow
async def hoard(ctx: Context, order: str, size: int) -> int:
    """Carries a large local over its steps."""
    await ctx.run(effect, order, 0)
    kept = await ctx.run(bulk, size, order)
    await ctx.run(effect, order, 1)
    return len(kept)

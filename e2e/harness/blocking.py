"""Runs that keep their worker busy: nothing else happens in it meanwhile."""

import json

from js import URL, XMLHttpRequest, self

from weft_core import Context, activity, activity_info, signal, workflow

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


@workflow
async def short(ctx: Context, text: str) -> str:
    return text

"""A run with one effect, asked for by fetch with little patience; many such runs meet a server that fails."""

import json

from js import URL, AbortSignal, Object, fetch, self
from pyodide.ffi import JsException, to_js

from weft_core import Context, RetryPolicy, activity, activity_info, queue, workflow

SHOP = URL.new("../api/", self.location.href).href
ANSWER_WITHIN_MS = 1_000
PATIENT = RetryPolicy(max_attempts=100, initial_interval=0.2, max_interval=2)
outbox = queue("outbox", concurrency=6)  # a browser opens no more connections to one host


@activity(retry=PATIENT, queue=outbox)
async def ship(order_id: str) -> str:
    options = {
        "method": "POST",
        "headers": {"Content-Type": "application/json", "Idempotency-Key": activity_info().idempotency_key},
        "body": json.dumps({"order": order_id}),
        "signal": AbortSignal.timeout(ANSWER_WITHIN_MS),
    }
    try:
        response = await fetch(SHOP + "ship", to_js(options, dict_converter=Object.fromEntries))
        answer = json.loads(await response.text())
    except JsException as error:  # not there, or no answer in time
        raise OSError(str(error)) from None
    if not response.ok:
        raise OSError(f"the shop answered {response.status}")
    return answer["reference"]


@workflow
async def parcel(ctx: Context, order_id: str) -> str:
    return await ctx.run(ship, order_id)

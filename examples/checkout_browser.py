"""Activities of ``checkout.py`` for a browser: the same requests by ``fetch``, held back while the shop is away.

An activity that cannot reach the shop does not fail: it waits for the connection and asks again, with the same
``Idempotency-Key``, until it has an answer. If the tab dies meanwhile the run's checkpoint still waits for this very
activity, and the next tab asks again. So an order made offline is carried out, once, when the network is back.
"""

import asyncio
import json

from js import URL, AbortSignal, Object, caches, fetch, self
from pyodide.ffi import JsException, to_js

from weft_core import RetryPolicy, activity, activity_info

PATIENT = RetryPolicy(max_attempts=50, initial_interval=0.2, max_interval=5, non_retryable=("ShopRefused",))
SHOP = URL.new("../api/", self.location.href).href  # the worker lives in weft/, the shop beside it
TIMEOUT_MS = 10_000
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 2.0
CABLE = "weft-demo-cable"  # the demo page's "Go offline" switch: the cache of this name exists while it is off


class ShopRefused(Exception):
    """The shop understood and said no: asking again will not help."""


@activity(retry=PATIENT)
async def reserve_stock(order_id: str, quantities: dict) -> dict:
    return await post("reserve", {"order": order_id, "quantities": quantities})


@activity(retry=PATIENT)
async def charge_card(order_id: str, cents: int) -> dict:
    return await post("charge", {"order": order_id, "cents": cents})


@activity(retry=PATIENT)
async def send_receipt(order_id: str, email: str | None, cents: int) -> dict:
    return await post("receipt", {"order": order_id, "email": email, "cents": cents})


@activity(retry=PATIENT)
async def ship_order(order_id: str, address: str | None) -> dict:
    return await post("ship", {"order": order_id, "address": address})


@activity(retry=PATIENT)
async def refund_card(order_id: str, reference: str, cents: int) -> dict:
    return await post("refund", {"order": order_id, "reference": reference, "cents": cents})


@activity(retry=PATIENT)
async def release_stock(order_id: str, reference: str) -> dict:
    return await post("release", {"order": order_id, "reference": reference})


async def post(operation: str, body: dict) -> dict:
    """Ask the shop for an effect, however long it takes to reach it. ``ShopRefused``: do not repeat."""
    wait = FIRST_WAIT_S
    while True:
        answer = await ask(operation, body)
        if answer is not None:
            return answer
        await asyncio.sleep(wait)
        wait = min(wait * 2, LONGEST_WAIT_S)


async def ask(operation: str, body: dict) -> dict | None:
    """One request. None: the shop cannot be reached (offline, stopped, no answer in time)."""
    if not self.navigator.onLine or await caches.has(CABLE):
        return None
    options = {
        "method": "POST",
        "headers": {"Content-Type": "application/json", "Idempotency-Key": activity_info().idempotency_key},
        "body": json.dumps(body),
        "signal": AbortSignal.timeout(TIMEOUT_MS),
    }
    try:
        response = await fetch(SHOP + operation, to_js(options, dict_converter=Object.fromEntries))
        text = await response.text()
    except JsException:  # a network error has no better name in fetch than TypeError
        return None
    if response.ok:
        return json.loads(text)
    reason = f"{operation}: the shop answered {response.status} {text[:500]}"
    if response.status in (408, 429) or response.status >= 500:
        raise OSError(reason)
    raise ShopRefused(reason)

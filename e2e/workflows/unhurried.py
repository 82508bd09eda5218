"""Activities of ``checkout.py`` for a browser, whose first one waits for the shop for as long as it takes."""

import json

from checkout_browser import SHOP, charge_card, refund_card, release_stock, send_receipt, ship_order
from js import Object, fetch
from pyodide.ffi import to_js

from weft_core import activity, activity_info

__all__ = ["charge_card", "refund_card", "release_stock", "reserve_stock", "send_receipt", "ship_order"]


@activity
async def reserve_stock(order_id: str, quantities: dict) -> dict:
    headers = {"Content-Type": "application/json", "Idempotency-Key": activity_info().idempotency_key}
    body = json.dumps({"order": order_id, "quantities": quantities})
    options = {"method": "POST", "headers": headers, "body": body}
    response = await fetch(SHOP + "reserve", to_js(options, dict_converter=Object.fromEntries))
    return json.loads(await response.text())

"""Activities of ``checkout.py`` for a server: plain HTTP to the shop at WEFT_SHOP_URL.

    WEFT_SHOP_URL=http://127.0.0.1:8765/ weft run examples/checkout.py:checkout --activities examples/checkout_http.py …

They are synchronous: the engine runs them in a thread. If the shop cannot be reached they fail and are tried again by
their retry policy; the shop tells repeats apart by the ``Idempotency-Key``, which is the same for every attempt (G5).
"""

import json
import os
import urllib.error
import urllib.request

from weft_core import RetryPolicy, activity, activity_info

PATIENT = RetryPolicy(max_attempts=50, initial_interval=0.2, max_interval=5, non_retryable=("ShopRefused",))
TIMEOUT_S = 10


class ShopRefused(Exception):
    """The shop understood and said no: asking again will not help."""


@activity(retry=PATIENT)
def reserve_stock(order_id: str, quantities: dict) -> dict:
    return post("reserve", {"order": order_id, "quantities": quantities})


@activity(retry=PATIENT)
def charge_card(order_id: str, cents: int) -> dict:
    return post("charge", {"order": order_id, "cents": cents})


@activity(retry=PATIENT)
def send_receipt(order_id: str, email: str | None, cents: int) -> dict:
    return post("receipt", {"order": order_id, "email": email, "cents": cents})


@activity(retry=PATIENT)
def ship_order(order_id: str, address: str | None) -> dict:
    return post("ship", {"order": order_id, "address": address})


@activity(retry=PATIENT)
def refund_card(order_id: str, reference: str, cents: int) -> dict:
    return post("refund", {"order": order_id, "reference": reference, "cents": cents})


@activity(retry=PATIENT)
def release_stock(order_id: str, reference: str) -> dict:
    return post("release", {"order": order_id, "reference": reference})


def post(operation: str, body: dict) -> dict:
    """Ask the shop for an effect. ``ShopRefused``: do not repeat; ``OSError``: out of reach or overloaded."""
    request = urllib.request.Request(
        os.environ.get("WEFT_SHOP_URL", "http://127.0.0.1:8765/").rstrip("/") + "/api/" + operation,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Idempotency-Key": activity_info().idempotency_key},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            reason = f"{operation}: the shop answered {refusal.code} {refusal.read(500).decode(errors='replace')}"
        if refusal.code in (408, 429) or refusal.code >= 500:
            raise OSError(reason) from None
        raise ShopRefused(reason) from None

"""A shop checkout that survives anything: the same file runs on a server and offline in a browser.

    weft run examples/checkout.py:checkout --input '{"id": "A-1001", "items": [{"sku": "loom", "quantity": 1}]}'

The activities here need no network. ``checkout_http.py`` (server) and ``checkout_browser.py`` (browser) hold activities
of the same names that talk to a real shop; which of them are given to the engine is the only difference.

Two environment variables show what really happened, for people and for tests:
``WEFT_CHECKOUT_LOG`` names a file to which the workflow *body* appends a line between its steps (no line ever comes
twice, however often the process is killed, save the one that lies between the last suspension point and the kill), and
``WEFT_CHECKOUT_LEDGER`` one to which each activity appends the effect it had and its idempotency key.
"""

import json
import os
import sys
from dataclasses import dataclass

from weft_core import Context, RetryPolicy, activity, activity_info, signal, workflow

CATALOGUE = {  # sku: (title, price in cents)
    "loom": ("Table loom", 18900),
    "shuttle": ("Boat shuttle", 2450),
    "yarn": ("Wool yarn, 100 g", 890),
    "heddle": ("Heddles, set of 50", 1275),
}
VAT_PERCENT = 20
FREE_SHIPPING_FROM = 15000
SHIPPING = 595

# A crash uses up an attempt, so a workflow that should outlive many crashes has many.
PATIENT = RetryPolicy(max_attempts=50, initial_interval=0.2, max_interval=5, non_retryable=("ValueError",))

confirm = signal("confirm")


@dataclass
class Line:
    """One line of the cart; prices in cents."""

    sku: str
    title: str
    quantity: int
    price: int

    @property
    def total(self) -> int:
        return self.quantity * self.price


@workflow(name="checkout", version="1", signals=[confirm], portable=True)
async def checkout(ctx: Context, order: dict) -> dict:
    """Reserve, charge, wait for the customer, then send the receipt and the parcel. Undo it all if that fails."""
    note("checkout begins")
    cart = [price(item) for item in order["items"]]
    goods = sum(line.total for line in cart)
    shipping = 0 if goods >= FREE_SHIPPING_FROM else SHIPPING
    total = goods + shipping
    ctx.log(f"{len(cart)} lines, {money(total)}")
    ctx.expose("progress", {"stage": "reserving", "total": total})

    reservation = await ctx.run(reserve_stock, order["id"], {line.sku: line.quantity for line in cart})
    note("stock reserved")
    charge = None
    try:
        charge = await ctx.run(charge_card, order["id"], total)
        note("card charged")
        ctx.expose("progress", {"stage": "charged", "total": total, "reference": charge["reference"]})

        if order.get("confirm", True):
            answer = await ctx.wait_for_signal(confirm, timeout=order.get("patience", "3 days"))
        else:
            await ctx.sleep(order.get("pause", "2s"))
            answer = {"confirmed": True, "by": "nobody: the pause ended"}
        note("customer answered")
        if not answer["confirmed"]:
            raise OrderDeclined(f"{answer.get('by', 'the customer')} declined")

        receipt, parcel = await ctx.all(
            [
                ctx.run(send_receipt, order["id"], order.get("email"), total),
                ctx.run(ship_order, order["id"], order.get("address")),
            ]
        )
        note("receipt sent and parcel shipped")
        ctx.expose("progress", {"stage": "shipped", "total": total, "reference": parcel["reference"]})
    except Exception as problem:
        ctx.log(f"undoing the order: {problem}")
        if charge is not None:
            await ctx.run(refund_card, order["id"], charge["reference"], total)
            note("card refunded")
        await ctx.run(release_stock, order["id"], reservation["reference"])
        note("stock released")
        return {"status": "undone", "order": order["id"], "reason": str(problem)}

    return {
        "status": "shipped",
        "order": order["id"],
        "items": [f"{line.quantity} x {line.title}" for line in cart],
        "total": total,
        "vat": total * VAT_PERCENT // (100 + VAT_PERCENT),
        "confirmed_by": answer.get("by"),
        "references": [reservation["reference"], charge["reference"], receipt["reference"], parcel["reference"]],
    }


class OrderDeclined(Exception):
    """The customer said no."""


def price(item: dict) -> Line:
    """A line of the cart with its title and price. ``KeyError``: there is no such product."""
    title, cents = CATALOGUE[item["sku"]]
    return Line(item["sku"], title, int(item.get("quantity", 1)), cents)


def money(cents: int) -> str:
    return f"€ {cents / 100:,.2f}"


def note(text: str) -> None:
    """Leave a trace of this statement: one line in the file of WEFT_CHECKOUT_LOG, else printed."""
    path = os.environ.get("WEFT_CHECKOUT_LOG")
    if path:
        with open(path, "a") as file:
            file.write(text + "\n")
    else:
        print(text, file=sys.stderr)


# ---------------------------------------------------------------- activities that need no network


@activity(retry=PATIENT)
async def reserve_stock(order_id: str, quantities: dict) -> dict:
    return effect("reserve", order_id, "RES")


@activity(retry=PATIENT)
async def charge_card(order_id: str, cents: int) -> dict:
    return effect("charge", order_id, "CHG")


@activity(retry=PATIENT)
async def send_receipt(order_id: str, email: str | None, cents: int) -> dict:
    return effect("receipt", order_id, "RCP")


@activity(retry=PATIENT)
async def ship_order(order_id: str, address: str | None) -> dict:
    return effect("ship", order_id, "PCL")


@activity(retry=PATIENT)
async def refund_card(order_id: str, reference: str, cents: int) -> dict:
    return effect("refund", order_id, "RFD")


@activity(retry=PATIENT)
async def release_stock(order_id: str, reference: str) -> dict:
    return effect("release", order_id, "REL")


def effect(operation: str, order_id: str, prefix: str) -> dict:
    """Pretend to do it: append one JSON line to the file of WEFT_CHECKOUT_LEDGER and return a reference."""
    info = activity_info()
    path = os.environ.get("WEFT_CHECKOUT_LEDGER")
    if path:
        entry = {"operation": operation, "order": order_id, "key": info.idempotency_key, "attempt": info.attempt}
        with open(path, "a") as file:
            file.write(json.dumps(entry) + "\n")
    return {"reference": f"{prefix}-{order_id}"}

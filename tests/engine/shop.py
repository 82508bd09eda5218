"""Workflows that the engine's tests drive. Effects are counted outside of any engine, as a real receiver would."""

from __future__ import annotations

from collections import Counter
from typing import Any

from weft_core import Context, RetryPolicy, activity, activity_info, durable, query, signal, workflow

effects: Counter[str] = Counter()
"""Idempotency key -> calls."""
calls: list[str] = []
trace: list[str] = []
"""What workflow bodies did, statement by statement."""

approval = signal("approval")
stage = query("stage")


class Declined(Exception):
    """The bank says no."""


def forget() -> None:
    effects.clear()
    calls.clear()
    trace.clear()


def effect(name: str) -> None:
    info = activity_info()
    effects[f"{name}:{info.idempotency_key}"] += 1
    calls.append(name)


@activity(retry=RetryPolicy(max_attempts=50, initial_interval=0.1, jitter=0))
async def charge(order: str, amount: int) -> dict[str, Any]:
    effect("charge")
    return {"order": order, "amount": amount}


@activity(retry=RetryPolicy(max_attempts=50, initial_interval=0.1, jitter=0))
def ship(order: str) -> str:
    effect("ship")
    return f"parcel-{order}"


@activity(retry=RetryPolicy(max_attempts=3, initial_interval=1, jitter=0, non_retryable=(Declined,)))
async def decline(order: str) -> None:
    effect("decline")
    raise Declined(order)


@activity
async def echo(value: Any) -> Any:
    return value


@durable
async def both(ctx: Context, order: str) -> list[str]:
    parcels = []
    for part in ("a", "b"):
        trace.append(f"ship {part}")
        parcels.append(await ctx.run(ship, f"{order}-{part}"))
    return parcels


@workflow
async def checkout(ctx: Context, order: dict[str, Any]) -> dict[str, Any]:
    trace.append("begin")
    ctx.expose("stage", "charging")
    charged = await ctx.run(charge, order["id"], order["total"])
    trace.append("charged")
    ctx.expose("stage", "waiting")
    try:
        await ctx.run(decline, order["id"])
        refused = None
    except Declined as error:
        refused = str(error)
    trace.append("declined")
    decision = await ctx.wait_for_signal(approval, timeout="3 days")
    trace.append("approved")
    await ctx.sleep("1 hour")
    parcels, note = await ctx.all([both(ctx, order["id"]), ctx.run(echo, "hello")])
    winner, _ = await ctx.race({"slow": ctx.sleep("2 days"), "fast": ctx.sleep("1 minute")})
    await ctx.set_attribute("city", "Bern")
    trace.append("end")
    return {
        "charged": charged,
        "refused": refused,
        "decision": decision,
        "parcels": parcels,
        "note": note,
        "winner": winner,
    }


CHECKOUT_RESULT = {
    "charged": {"order": "o1", "amount": 30},
    "refused": "o1",
    "decision": {"ok": True},
    "parcels": ["parcel-o1-a", "parcel-o1-b"],
    "note": "hello",
    "winner": "fast",
}

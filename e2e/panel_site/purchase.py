"""Something to look at: an activity that fails once, a person who decides, a signal, a child of trouble."""

from weft_core import Context, RetryPolicy, activity, activity_info, signal, workflow

delivered = signal("delivered")


@activity(retry=RetryPolicy(max_attempts=3, initial_interval="20ms"))
async def look_up_price(item: str) -> dict:
    if activity_info().attempt == 1:
        raise ConnectionError(f"the catalogue did not answer about {item}")
    return {"item": item, "cents": 4900}


@activity
async def order(item: str, cents: int) -> str:
    return f"order of {item} for {cents / 100:.2f}"


@activity(retry=RetryPolicy(max_attempts=1))
async def break_down() -> None:
    raise RuntimeError("it is beyond repair")


@workflow
async def purchase(ctx: Context, request: dict) -> dict:
    note = request["note"]
    price = await ctx.run(look_up_price, request["item"])
    decided = await ctx.review({"buy": request["item"], **price, "note": note}, type="purchase", reviewers=["Ada"])
    if not decided.approved:
        return {"status": "rejected", "by": decided.reviewer}
    receipt = await ctx.run(order, price["item"], price["cents"])
    await ctx.sleep("50ms")
    arrived = await ctx.wait_for_signal(delivered)
    return {"status": "delivered", "receipt": receipt, "arrived": arrived, "note": note}


@workflow
async def doomed(ctx: Context) -> None:
    await ctx.run(break_down)

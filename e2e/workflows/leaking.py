"""A workflow whose activities leak: each keeps some megabytes for as long as its worker lives."""

from typing import Any

from weft_core import Context, activity, workflow

MEGABYTES = 24
kept: list[bytearray] = []


@activity
async def hold(order: str) -> int:
    from checkout_browser import post  # type: ignore[import-not-found]

    kept.append(bytearray(MEGABYTES << 20))
    await post("charge", {"order": order, "cents": 100})
    return len(kept)


@workflow
async def leaking(ctx: Context, name: str, times: int) -> list[Any]:
    held = []
    for number in range(times):
        held.append(await ctx.run(hold, f"{name}-{number}"))
        await ctx.sleep("500ms")
    return held

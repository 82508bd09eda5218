"""A workflow that a person decides, for tests of reviews in notifications: what is approved has one effect."""

from typing import Any

from checkout import charge_card

from weft_core import Context, workflow


@workflow
async def reviewed(ctx: Context, order: str) -> dict[str, Any]:
    decided = await ctx.review({"order": order}, reviewers=["ann"])
    if decided.decision == "approved":
        await ctx.run(charge_card, order, 4900)
    return {"decision": decided.decision, "reviewer": decided.reviewer}

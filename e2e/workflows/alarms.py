"""Runs that sleep, and one that asks a person; what they do then is counted by the shop."""

from checkout_browser import post

from weft_core import Context, RetryPolicy, activity, workflow

PATIENT = RetryPolicy(max_attempts=50, initial_interval=0.2, max_interval=5)


@activity(retry=PATIENT)
async def ring(name: str) -> dict:
    return await post("ship", {"order": name})


@workflow
async def alarm(ctx: Context, name: str, delay: str) -> str:
    await ctx.sleep(delay)
    await ctx.run(ring, name)
    return "rung"


@workflow
async def asking(ctx: Context, name: str) -> dict:
    decided = await ctx.review({"text": "shall we?"}, reviewers=["ann", "bob"])
    if decided.decision == "approved":
        await ctx.run(ring, name)
    return {"decision": decided.decision, "by": decided.reviewer}

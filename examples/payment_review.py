"""Human review: a payment is shown to people, and the run goes on with what they decide, in minutes or in months.

    python examples/payment_review.py
    weft run examples/payment_review.py:payment --input '{"order": "A-9", "cents": 250000}' --id pay-1

What is asked, who is asked, who is asked later and what happens if nobody answers are stored with the run: a restart
forgets none of it. The decision is durable before the card is charged. The charge has one idempotency key, so a crash
between the two asks the payment service again under the same key, and does not ask a person again.
"""

import asyncio
import json
import sys

from weft_core import Context, Engine, RetryPolicy, activity, activity_info, workflow


@activity(retry=RetryPolicy(max_attempts=10))
async def charge(order: str, cents: int) -> dict:
    assert activity_info().idempotency_key  # give it to the payment service: it drops what it has seen before
    return {"charge": f"ch_{order}", "cents": cents}


@workflow
async def payment(ctx: Context, request: dict) -> dict:
    decided = await ctx.review(
        request,
        type="payment",
        reviewers=["payments-team"],
        timeout="72 hours",
        escalation=[
            {"after": "4 hours", "to": ["head-of-payments"]},
            {"after": "2 days", "action": "reject", "reason": "nobody had time"},
        ],
    )
    if not decided.approved:
        return {"status": "rejected", "order": request["order"], "why": decided.feedback}
    receipt = await ctx.run(charge, request["order"], request["cents"])
    return {"status": "charged", "by": decided.reviewer, "receipt": receipt}


async def decide_what_is_pending(engine: Engine) -> None:
    """What a page for the payments team would do; ``decision_id`` makes a second click harmless."""
    page = await engine.reviews(status="pending", reviewer="payments-team")
    for review in page.items:
        print("asked:", review["artifact"])
        await engine.submit_review(review["id"], decision="approved", reviewer="Ada", decision_id="click-1")


async def main(store: str = "payment.db") -> dict:
    from weft_server.storage.sqlite import SQLiteStorage

    async with Engine(storage=SQLiteStorage(store), workflows=[payment]) as engine:
        handle = await engine.start(payment, {"order": "A-9", "cents": 250_000}, idempotency_key="A-9")
        await decide_what_is_pending(engine)
        return await handle.result()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))

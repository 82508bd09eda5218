"""Search attributes: indexed facts about a run, by which runs are found and counted, whatever state they are in.

    python examples/order.py
    weft run examples/order.py:order --input '{"id": "o-1", "customer": "acme", "cents": 4900}'

An attribute is set with the checkpoint in one batch: a list never shows an order that is ahead of where it stands.
Counts and groups come from index rows; no record of a run is read for them.
"""

import asyncio
import json
import sys

from weft_core import Context, Engine, activity, search_attribute, workflow

customer = search_attribute("customer", str)
stage = search_attribute("stage", str)
cents = search_attribute("cents", int)


@activity
async def pack(order_id: str) -> str:
    return f"parcel of {order_id}"


@workflow(name="order").search_attributes(customer, stage, cents)
async def order(ctx: Context, details: dict) -> dict:
    await ctx.set_attributes({customer: details["customer"], cents: details["cents"], stage: "processing"})
    parcel = await ctx.run(pack, details["id"])
    await ctx.sleep(details.get("pause", "1s"))
    await ctx.set_attribute(stage, "shipped")  # another type than its own would be refused here
    return {"order": details["id"], "parcel": parcel}


ORDERS = [
    {"id": "o-1", "customer": "acme", "cents": 4900, "pause": "0.2s"},
    {"id": "o-2", "customer": "acme", "cents": 120_000, "pause": "0.2s"},
    {"id": "o-3", "customer": "umbrella", "cents": 900, "pause": "1 hour"},
]


async def main(store: str = "order.db") -> dict:
    from weft_server.storage.sqlite import SQLiteStorage

    async with Engine(storage=SQLiteStorage(store), workflows=[order]) as engine:
        for details in ORDERS:
            await engine.start(order, details, id=details["id"], on_conflict="return_existing", tags=["demo"])
        results = [await engine.get_handle(run_id).result() for run_id in ("o-1", "o-2")]

        page = await engine.list(attributes={customer: "acme", stage: "shipped"})
        print("acme's, shipped:", [run["id"] for run in page.items])
        dear = await engine.list(attributes={cents: {"gte": 1000, "lt": 10_000}}, tags=["demo"])
        print("between 10 and 100:", [run["id"] for run in dear.items])
        groups = await engine.aggregate(by=customer, workflow=order)
        print("by customer:", groups.groups, "not shipped yet:", await engine.count(attributes={stage: "processing"}))
        return results[0]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))

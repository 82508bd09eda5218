"""A human decision: an order waits for one signal, then for a day, and either may take as long as it takes.

    python examples/approval.py
    weft run examples/approval.py:approval --input '{"id": "order-1", "pause": 2}' --id order-1
    weft signal order-1 decision '{"approved": true, "by": "Ada"}'        # in another terminal

While it waits the run is a record in the store: no thread, no task, no memory. Stop the process with kill -9, and send
the signal before anything runs again: it is kept, and the next ``weft run`` goes on behind the ``await``.
"""

import asyncio
import json
import sys
from typing import TypedDict

from weft_core import Context, Engine, activity, signal, workflow


class Decision(TypedDict):
    approved: bool
    by: str


decision = signal[Decision]("decision")


@activity
async def ship(order_id: str) -> str:
    return f"parcel of {order_id}"


@workflow
async def approval(ctx: Context, order: dict) -> dict:
    answer = await ctx.wait_for_signal(decision)
    if not answer["approved"]:
        return {"order": order["id"], "status": "rejected", "by": answer["by"]}
    await ctx.sleep(order.get("pause", "24 hours"))  # a day in which the customer may change their mind
    parcel = await ctx.run(ship, order["id"])
    return {"order": order["id"], "status": "shipped", "by": answer["by"], "parcel": parcel}


async def main(store: str = "approval.db") -> dict:
    from weft_server.storage.sqlite import SQLiteStorage

    async with Engine(storage=SQLiteStorage(store), workflows=[approval]) as engine:
        handle = await engine.start(approval, {"id": "order-1", "pause": "0.2s"}, idempotency_key="order-1")
        # From a web handler, another run, or anywhere with the engine; with its id it counts once, however often sent.
        await engine.signal(handle.id, decision, {"approved": True, "by": "Ada"}, signal_id="click-1")
        return await handle.result()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))

"""A webhook that comes twice, or before the run is there: the first event starts the run, the others are its signals.

    python examples/start_or_signal.py

A payment service sends events about an order in any order, and repeats those whose answer it did not get. Each call
says the whole of it: "this event, for the run of this order; start the run if there is none". Whether the run is there,
is started now or is over is decided in the batch that accepts the event: none is lost between, or counted twice.
"""

import asyncio
import json
import sys

from weft_core import Context, Engine, signal, workflow
from weft_core.errors import StartOrSignalConflictError

payment = signal("payment")


@workflow
async def paid_order(ctx: Context, order: dict) -> dict:
    received = []
    while sum(event["cents"] for event in received) < order["total"]:
        received.append(await ctx.wait_for_signal(payment))
        ctx.log("a part is paid", part=received[-1])
    return {"order": order["id"], "paid": [event["part"] for event in received]}


EVENTS = [  # as they arrive: the second repeats the first, the last comes when the order is paid
    {"id": "evt-1", "part": "deposit", "cents": 1000},
    {"id": "evt-1", "part": "deposit", "cents": 1000},
    {"id": "evt-2", "part": "rest", "cents": 3900},
    {"id": "evt-3", "part": "mistake", "cents": 1},
]


async def on_webhook(engine: Engine, order: dict, event: dict) -> str:
    """What a web handler would do. Called again with the same event it changes nothing and says the same."""
    try:
        told = await engine.start_or_signal(
            paid_order, order, signal=payment, payload=event, id=f"paid-{order['id']}", signal_id=event["id"]
        )
    except StartOrSignalConflictError:
        return "too late"  # the run has finished: an event that it does not wait for is refused, not lost in silence
    return told.outcome


async def main(store: str = "start_or_signal.db") -> dict:
    from weft_server.storage.sqlite import SQLiteStorage

    async with Engine(storage=SQLiteStorage(store), workflows=[paid_order]) as engine:
        order = {"id": "A-7", "total": 4900}
        for event in EVENTS:
            outcome = await on_webhook(engine, order, event)
            print(event["id"], outcome)
            if event["id"] == "evt-2":
                result = await engine.get_handle("paid-A-7").result()
        return result


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))

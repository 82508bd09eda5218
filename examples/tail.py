"""Following runs: the typed events of one run until it ends, and the events of all runs from a cursor that is kept.

    python examples/tail.py
    python examples/tail.py parcel.db      # kill -9 it and run it again: the log goes on where it was

A tail gives an event once it is durable, in order, without gap or repetition, stored ones first and then live ones. It
holds back at most 1,000 events in memory: a slow reader reads from the store. In a page it is ``weft.tail(run.id)``.
"""

import asyncio
import json
import sys
from pathlib import Path

from weft_core import Context, Engine, activity, workflow
from weft_core.model.events import ActivityCompleted, RunCompleted, TimerFired


@activity
async def move(parcel: str, place: str) -> str:
    return f"{parcel} is in {place}"


@workflow
async def journey(ctx: Context, parcel: dict) -> dict:
    seen = []
    for place in parcel["places"]:
        seen.append(await ctx.run(move, parcel["id"], place))
        await ctx.sleep(parcel.get("pause", "1 hour"))
    return {"parcel": parcel["id"], "log": seen}


async def everything(engine: Engine, kept: Path) -> None:
    """A log of what any run of the store does. The file has the place to go on, for the next process too.

    It misses no line. Killed after it has printed one and before it has noted so, it prints that one again.
    """
    tail = engine.tail(types=[ActivityCompleted], after=kept.read_text() if kept.exists() else "oldest")
    async for event in tail:
        print("log:", event.run_id, event.result, flush=True)
        noted = kept.with_suffix(".new")
        noted.write_text(str(tail.cursor))
        noted.replace(kept)  # whole or not at all


async def main(store: str = "parcel.db") -> dict:
    from weft_server.storage.sqlite import SQLiteStorage

    async with Engine(storage=SQLiteStorage(store), workflows=[journey]) as engine:
        log = asyncio.create_task(everything(engine, Path(f"{store}.cursor")))
        parcel = {"id": "parcel-1", "places": ["Oslo", "Kiel", "Rome"], "pause": "0.2s"}
        handle = await engine.start(journey, parcel, idempotency_key="parcel-1")
        async for event in engine.tail(handle.id):  # a progress bar: this one ends with the run
            match event:
                case ActivityCompleted() | TimerFired():
                    print(f"{event.seq:3} {event.type}", flush=True)
                case RunCompleted(result=result):
                    log.cancel()
                    return result
    raise RuntimeError("the journey has not ended well")


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))

"""The step form: plain functions, no declarations. ``await ctx.step(name, fn)`` runs ``fn`` once and records its value.

    python examples/step_form.py
    weft run examples/step_form.py:tour --input '{"name": "Ada"}'

It is no other kind of workflow: steps, activities, timers, signals and branches mix freely, and a step is retried like
an activity. Its place is found again by the code around it and not by counting: it may stand in a loop or a branch.
"""

import asyncio
import json
import sys

from weft_core import Context, Engine, workflow


def greet(name: str) -> str:
    return f"Hello, {name}!"


async def notify(text: str) -> int:
    return len(text)


def describe(room: str) -> str:
    return f"the {room}"


@workflow
async def tour(ctx: Context, guest: dict) -> dict:
    greeting = await ctx.step("greet", greet, guest["name"])
    letters = await ctx.step("notify", lambda: notify(greeting))  # a lambda keeps what it sees
    rooms = []
    for room in guest.get("rooms", ["hall", "loft"]):
        rooms.append(await ctx.step("show", describe, room))
        await ctx.sleep(guest.get("pause", "1s"))
    return {"greeting": greeting, "letters": letters, "rooms": rooms}


async def main(store: str = "step_form.db") -> dict:
    from weft_server.storage.sqlite import SQLiteStorage

    async with Engine(storage=SQLiteStorage(store), workflows=[tour]) as engine:
        handle = await engine.start(tour, {"name": "Ada", "pause": "0.1s"}, idempotency_key="Ada")
        return await handle.result()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))

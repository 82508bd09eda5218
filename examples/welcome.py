"""Hello, durable world: one activity, one durable sleep, and a service, which lives in this process only.

    python examples/welcome.py
    weft run examples/welcome.py:welcome --input '{"name": "Ada"}'

The workflow is declared in the chained form, which keeps a name, its activities and its body together. A service is
what no checkpoint can hold, a client or a connection: it is given with the engine or the run, and the checkpoint names
it. When the run is recovered, the next engine's own service of that name takes its place.
"""

import asyncio
import json
import sys

from weft_core import Context, Engine, activity, activity_info, workflow


@activity
async def greet(name: str) -> str:
    words = activity_info().services.get("phrase_book", {"hello": "Hello"})
    return f"{words['hello']}, {name}!"


async def welcome_body(ctx: Context, guest: dict) -> dict:
    greeting = await ctx.run(greet, guest["name"])
    await ctx.sleep(guest.get("pause", "1s"))  # kill the process here: the next one waits for what is left
    return {"greeting": greeting, "onboarded": True}


welcome = workflow(name="welcome").activities(greet).execute(welcome_body)


async def main(store: str = "welcome.db") -> dict:
    from weft_server.storage.sqlite import SQLiteStorage  # a browser has no SQLite, and does not call main()

    phrase_book = {"hello": "Hello"}
    async with Engine(
        storage=SQLiteStorage(store), workflows=[welcome], services={"phrase_book": phrase_book}
    ) as engine:
        handle = await engine.start(welcome, {"name": "Ada", "pause": "0.2s"}, idempotency_key="Ada")
        return await handle.result()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))

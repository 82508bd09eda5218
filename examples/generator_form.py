"""The generator form: ``def`` and ``yield from`` where others write ``async def`` and ``await``. The same machinery.

    python examples/generator_form.py
    weft run examples/generator_form.py:relay --input '{"runners": ["Ada", "Grace"]}'

Helpers marked ``@durable`` are part of the checkpoint in both forms: their place and their variables are stored too.
"""

import asyncio
import json
import sys
from collections.abc import Generator
from typing import Any

from weft_core import Context, Engine, activity, durable, workflow


@activity
def run_lap(runner: str, lap: int) -> int:
    return 60 + 7 * lap + len(runner)


@durable
def leg(ctx: Context, runner: str, laps: int) -> Generator[Any, Any, int]:
    seconds = 0
    for lap in range(laps):
        seconds += yield from ctx.run(run_lap, runner, lap)
    return seconds


@workflow
def relay(ctx: Context, race: dict) -> Generator[Any, Any, dict]:
    times = {}
    for runner in race["runners"]:
        times[runner] = yield from leg(ctx, runner, race.get("laps", 2))
        yield from ctx.sleep(race.get("pause", "1s"))
    warm_up = yield from ctx.all([ctx.run(run_lap, runner, 0) for runner in race["runners"]])
    return {"times": times, "warm_up": warm_up}


async def main(store: str = "generator_form.db") -> dict:
    from weft_server.storage.sqlite import SQLiteStorage

    async with Engine(storage=SQLiteStorage(store), workflows=[relay]) as engine:
        race = {"runners": ["Ada", "Grace"], "pause": "0.1s"}
        handle = await engine.start(relay, race, idempotency_key="race-1")
        return await handle.result()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))

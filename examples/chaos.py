"""Testing a workflow: virtual days, fake activities, and faults by chance that its retry policy has to outlive.

    python examples/chaos.py

``TestEngine`` is the real engine with virtual time. In a project these functions are tests (docs/testing.md says how
pytest runs them); here they run one after the other, and then the workflow runs on SQLite as it does in production.
"""

import asyncio
import json
import sys

from weft_core import Context, Engine, RetryPolicy, activity, workflow
from weft_core.testing import TestEngine, with_chaos


@activity(retry=RetryPolicy(max_attempts=20, initial_interval=0.05))
async def send_mail(address: str, text: str) -> dict:
    return {"to": address, "text": text}


@workflow
async def onboarding(ctx: Context, guest: dict) -> dict:
    first = await ctx.run(send_mail, guest["mail"], "welcome")
    await ctx.sleep(guest.get("pause", "1 day"))
    second = await ctx.run(send_mail, guest["mail"], "how was your day?")
    return {"guest": guest["mail"], "mails": [first["text"], second["text"]], "status": "onboarded"}


GUEST = {"mail": "ada@example.org"}


async def a_day_passes_in_no_time() -> None:
    async with TestEngine(workflows=[onboarding]) as engine:
        mails = engine.mock(send_mail, lambda address, text: {"text": text.upper()})
        handle = await engine.start(onboarding, GUEST)
        await engine.advance_time("23 hours")
        assert mails.call_count == 1
        await engine.advance_time("1 hour")
        assert (await handle.result())["mails"] == ["WELCOME", "HOW WAS YOUR DAY?"]


async def retries_are_enough(seed: int) -> int:
    """Every other mail gets lost, or is sent but not acknowledged: the workflow does not notice. Returns the faults."""
    async with TestEngine(workflows=[onboarding]) as engine:
        chaos = with_chaos(send_mail, rate=0.5, faults=["transient", "timeout"], seed=seed)
        engine.mock(send_mail, chaos)
        assert (await engine.run(onboarding, GUEST))["status"] == "onboarded"
        return sum(chaos.counts.values())


async def main(store: str = "onboarding.db") -> dict:
    from weft_server.storage.sqlite import SQLiteStorage

    await a_day_passes_in_no_time()
    faults = sum([await retries_are_enough(seed) for seed in range(1, 6)])
    print(f"{faults} faults in 5 runs, and all were onboarded")
    assert faults > 0, "a test with chance must notice that nothing happened"
    async with Engine(storage=SQLiteStorage(store), workflows=[onboarding]) as engine:
        handle = await engine.start(onboarding, {**GUEST, "pause": "0.2s"}, idempotency_key=GUEST["mail"])
        return await handle.result()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))

"""Errors: one family, each with a stable ``code``, facts, and a message that says what to do.

    python examples/errors.py

``code`` equals the class name, so ``except RunExistsError`` and ``case "RunExistsError"`` are the same contract.
``is_weft_error_like`` knows ours also where classes are lost: in JSON from a page, a log, another process.
docs/errors.md lists them all, with the HTTP status each of them is.
"""

import asyncio
import json
import sys

from weft_core import (
    Context,
    Engine,
    RetryPolicy,
    activity,
    error_from_json,
    is_weft_error,
    is_weft_error_like,
    workflow,
)
from weft_core.errors import ActivityTimeoutError, RunExistsError, RunFailedError


class CardDeclined(Exception):
    """An error of the author's own."""


@activity(retry=RetryPolicy(non_retryable=[CardDeclined]))
async def take(cents: int) -> str:
    if cents > 10_000:
        raise CardDeclined(f"{cents} cents is too much")
    return f"paid {cents}"


@workflow
async def till(ctx: Context, amounts: list) -> list:
    """A caught error is a value like any other: after a crash it is still caught, and nothing is charged again."""
    told = []
    for cents in amounts:
        try:
            told.append(await ctx.run(take, cents))
        except (CardDeclined, ActivityTimeoutError) as problem:
            told.append(f"refused: {problem}")
    if not any(text.startswith("paid") for text in told):
        raise CardDeclined("nothing was paid")
    return told


async def start_once(engine: Engine, amounts: list, run_id: str) -> str:
    try:
        await engine.start(till, amounts, id=run_id)
    except Exception as error:
        if not is_weft_error(error):
            raise  # not ours
        match error.code:
            case "RunExistsError":
                return "it runs already"
            case "WorkflowNotRegisteredError":
                raise  # a mistake in the program, no condition of its work
        print(f"[{error.code}] {error}")
    return "started"


async def main(store: str = "errors.db") -> list:
    from weft_server.storage.sqlite import SQLiteStorage

    async with Engine(storage=SQLiteStorage(store), workflows=[till]) as engine:
        print([await start_once(engine, [4900, 99_000], "till-1") for _ in range(2)])
        failing = await engine.start(till, [50_000], idempotency_key="till-2")
        try:
            await failing.result()
        except RunFailedError as failed:
            print("till-2 failed:", repr(failed.__cause__))  # the author's own error, as it was raised
        answer = RunExistsError(run_id="till-1", status="running").to_json()  # what a page or a log has
        assert is_weft_error_like(answer) and not is_weft_error(answer)
        assert isinstance(error_from_json(answer), RunExistsError)
        return await engine.get_handle("till-1").result()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))

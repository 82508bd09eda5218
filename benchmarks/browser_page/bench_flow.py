"""The workflow of the browser benchmark, and its measurement inside the worker."""

from __future__ import annotations

import json
import time
from typing import Any

from weft_core import Context, Engine, activity, workflow


@activity
async def nothing(number: int) -> int:
    return number


@workflow(name="bench", version="1")
async def bench(ctx: Context, count: int) -> int:
    total = 0
    for number in range(count):
        total += await ctx.run(nothing, number)
    return total


async def measure(bridge: Any, bare_put: Any, count: int) -> str:
    """Bare puts and steps in turns, so that a noisy neighbour meets both."""
    from pyodide.ffi import create_proxy, to_js

    from weft_browser import loop
    from weft_browser.host import default_host
    from weft_browser.storage import BridgeStorage

    class Counted(BridgeStorage):
        batches = 0
        written = 0
        records = 0

        async def conditional_batch(self, conditions: Any, ops: Any) -> bool:
            self.batches += 1
            self.records += len(ops)
            self.written += sum(len(key) + len(value or b"") for key, value in ops)
            return await super().conditional_batch(conditions, ops)

    host = default_host()
    queue = loop.install(host.stretch)
    storage = Counted(bridge, durability="strict")

    def stored(request_id: int, reply: Any) -> None:
        storage.stored(request_id, reply)
        queue.run()

    bridge.attach(create_proxy(stored))
    async with Engine(storage=storage, host=host, workflows=[bench]) as engine:
        await (await engine.start(bench, 30)).result()
        storage.batches = storage.written = storage.records = 0
        bare, steps = [], []
        value = b"v" * 1024
        for _ in range(5):
            began = time.perf_counter()
            await (await engine.start(bench, count)).result()
            steps.append((time.perf_counter() - began) / count * 1000)
            value = b"v" * (storage.written // storage.batches)
            began = time.perf_counter()
            for number in range(count):
                await bare_put(f"key/{number}", to_js(value))
            bare.append((time.perf_counter() - began) / count * 1000)
        report = {
            "step_ms": sorted(steps)[2],
            "bare_ms": sorted(bare)[2],
            "batches_per_step": storage.batches / (5 * count),
            "bytes_per_batch": storage.written // storage.batches,
            "records_per_batch": storage.records / storage.batches,
        }  # fmt: skip
    return json.dumps(report)

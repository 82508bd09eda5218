"""Make the export of the current format: ``python -m tests.golden.make``. It is refused where there is one."""

from __future__ import annotations

import asyncio
import json

from tests.golden.story import HERE, KINDS, program
from weft_core.codec.dump import FORMAT
from weft_core.testing import TestEngine


async def make() -> None:
    parked = program()
    path = HERE / f"format_{FORMAT}.weft"
    if path.exists():
        raise SystemExit(f"{path} is there: stores of a released format are never made again")
    options = {"workflows": [parked.parked, parked.helper], "queues": [parked.one_at_a_time]}
    async with TestEngine(seed="golden", **options) as engine:
        for kind in KINDS:
            delay = {"delay": "1 hour"} if kind == "delayed" else {}
            await engine.start("parked", kind, id=kind, tags=[kind], attributes={"kind": kind}, **delay)
            await engine.settle()
        await engine.signal("nested", "go", 1)
        await engine.signal("all", "go", "g")
        await engine.schedule("parked", "done", id="daily", every="1 day", paused=True)
        await engine.settle()
        path.write_bytes(b"".join([piece async for piece in engine.export()]))
        [review] = (await engine.reviews(run_id="review")).items
    facts = {"token": parked.tokens[0], "review": review["id"]}
    path.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n")
    print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    asyncio.run(make())

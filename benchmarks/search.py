"""What finding runs costs among a hundred thousand, and what their index rows cost where runs start and finish."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from benchmarks.definitions import ACTIVITIES, WORKFLOWS, counting
from benchmarks.report import Figure, at_most
from weft_core import Engine, codec
from weft_core.engine import StoreReader
from weft_core.machine import index, records
from weft_core.model import keys
from weft_core.model.run import RunHeader
from weft_core.ports import Op
from weft_server.storage.sqlite import SQLiteStorage

RUNS = 100_000
PORTION = 1_000
FIRST = 1_767_225_600_000
WORKFLOW_NAMES = ("checkout", "refund", "import", "report")
ROUNDS = 5


async def figures(folder: Path, runs: int = RUNS) -> list[Figure]:
    path = folder / "search.db"
    await fill(path, runs)
    storage = SQLiteStorage(path)
    reader = StoreReader(storage)
    failed = {"status": "failed", "attributes": {"total": {"gte": 2_000, "lt": 4_000}}}
    found = [
        at_most(f"50 of {runs:,}: failed, and an attribute between", await ms(lambda: reader.list(**failed)), 20, "ms"),
        at_most("50 of the completed runs, newest first", await ms(lambda: reader.list(status="completed")), 20, "ms"),
        at_most("50 with a tag that half of them have, of a workflow",
                await ms(lambda: reader.list(tags=["even"], workflow="checkout")), 20, "ms"),
        Figure("the same of a workflow whose runs never have it",
               f"{await ms(lambda: reader.list(tags=['even'], workflow='refund')):.0f} ms"),
        at_most("the one run with a value", await ms(lambda: reader.list(attributes={"total": 777.5})), 20, "ms"),
        Figure("counting the failed runs", f"{await ms(lambda: reader.count(status='failed')):.1f} ms"),
        Figure(f"{runs:,} runs by status / by an attribute of 26 values",
               f"{await ms(lambda: reader.aggregate(by='status')):.0f} / "
               f"{await ms(lambda: reader.aggregate(by='city')):.0f} ms"),
    ]  # fmt: skip
    await storage.close()
    rate = statistics.median([await started_and_finished(folder / f"life-{n}.db") for n in range(3)])
    return [*found, Figure("1,000 runs of one step start and finish, SQLite", f"{rate:,.0f} runs/s")]


async def fill(path: Path, runs: int) -> None:
    """A store of finished runs as an engine would have left it; one in fifty has failed."""
    async with Engine(storage=SQLiteStorage(path, durability="relaxed")):
        pass  # whose store it is
    storage = SQLiteStorage(path, durability="relaxed")
    for first in range(0, runs, PORTION):
        await storage.batch([op for n in range(first, first + PORTION) for op in written(n)])
    await storage.close()


def written(n: int) -> list[Op]:
    header = RunHeader(
        id=f"run-{n:08}", workflow=WORKFLOW_NAMES[n % 4], version="1", status="completed", created_at=FIRST + n * 7,
        updated_at=FIRST + n * 7 + 50, finished_at=FIRST + n * 7 + 50, input=codec.dumps([n]), result=codec.dumps(n),
        tags=["even" if n % 2 == 0 else "odd"],
        attributes={"total": codec.dumps(n * 7_919 % 20_000 + 0.5), "city": codec.dumps(chr(65 + n % 26))},
    )  # fmt: skip
    if n % 50 == 0:
        header.status, header.error = "failed", {"code": "ValueError", "message": "no", "type": "ValueError"}
    return [(keys.run(header.id), records.write_header(header)), *((key, b"") for key in index.rows(header))]


async def ms(search: Callable[[], Awaitable[object]]) -> float:
    """The median, after a first time that fills caches."""
    await search()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await search()
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)


async def started_and_finished(path: Path, runs: int = 1_000) -> float:
    """Runs per second."""
    async with Engine(storage=SQLiteStorage(path), workflows=WORKFLOWS, activities=ACTIVITIES) as engine:

        async def one() -> None:
            await (await engine.start(counting, 1)).result()

        await asyncio.gather(*[one() for _ in range(50)])
        began = time.perf_counter()
        await asyncio.gather(*[one() for _ in range(runs)])
        return runs / (time.perf_counter() - began)

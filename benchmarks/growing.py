"""A run whose state grows by 1 KB a step, in a list or a dict, beside the same run whose state does not (G3).

The four runs take turns of a hundred steps in one process, so that a busy machine and a slow disk meet all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.report import Figure, at_most
from weft_core import Context, Engine, activity, workflow
from weft_core.ports import Op, Storage
from weft_core.storage import MemoryStorage
from weft_core.testing.intercepting import InterceptingStorage
from weft_server.storage.sqlite import SQLiteStorage

T = TypeVar("T")

STEPS = 10_000
TURN = 100
ITEM = 1_006
"""Characters of one result."""


@activity
async def kilobyte(kind: str, number: int) -> str:
    if number % TURN == 0:
        await turns[0].over(kind)
    return f"{number:06}" + "x" * 1_000


@workflow
async def constant(ctx: Context, steps: int) -> int:
    last = ""
    for number in range(steps):
        last = await ctx.run(kilobyte, "constant", number)
    return len(last)


@workflow
async def a_list(ctx: Context, steps: int) -> int:
    items = []
    for number in range(steps):
        items.append(await ctx.run(kilobyte, "a_list", number))
    return len(items)


@workflow
async def a_dict(ctx: Context, steps: int) -> int:
    items = {}
    for number in range(steps):
        items[f"k{number}"] = await ctx.run(kilobyte, "a_dict", number)
    return len(items)


@workflow
async def rows(ctx: Context, steps: int) -> int:
    items: list[dict[str, Any]] = []
    for number in range(steps):
        items.append({"id": number, "text": await ctx.run(kilobyte, "rows", number)})
    return len(items)


KINDS = {"constant": constant, "a_list": a_list, "a_dict": a_dict, "rows": rows}
NAMES = {"a_list": "a list of text", "a_dict": "a dict of text", "rows": "a list of dicts"}


class Weighed(InterceptingStorage):
    """Counts the bytes of the keys and values that are put."""

    put_bytes = 0

    async def reading(self, call: Callable[[], Awaitable[T]]) -> T:
        return await call()

    async def writing(self, call: Callable[[], Awaitable[T]], ops: Sequence[Op]) -> T:
        self.put_bytes += sum(len(key) + len(value) for key, value in ops if value is not None)
        return await call()


class Turns:
    """One run goes on at a time, the others wait inside an activity."""

    def __init__(self) -> None:
        self.waiting: dict[str, asyncio.Event] = {}
        self.arrived = asyncio.Event()
        self.wall_s = dict.fromkeys(KINDS, 0.0)
        self.cpu_s = dict.fromkeys(KINDS, 0.0)

    async def over(self, kind: str) -> None:
        """The turn of ``kind`` is over; returns with its next one."""
        self.waiting[kind] = asyncio.Event()
        self.arrived.set()
        await self.waiting[kind].wait()

    async def take(self, results: dict[str, asyncio.Task[Any]]) -> None:
        """Give turns until every run has ended. All of them wait for their first one."""
        while self.waiting:
            for kind in list(self.waiting):
                with self._timed(kind):
                    self.waiting.pop(kind).set()
                    await self._over_or_ended(results[kind])

    async def _over_or_ended(self, result: asyncio.Task[Any]) -> None:
        over = asyncio.ensure_future(self.arrived.wait())
        await asyncio.wait([over, result], return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        self.arrived.clear()

    @contextlib.contextmanager
    def _timed(self, kind: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall_s[kind] += time.perf_counter() - wall
        self.cpu_s[kind] += time.process_time() - cpu


turns: list[Turns] = []
"""The turns that are being taken: the activity finds them here."""


async def run_all(open_store: Callable[[str], Storage], steps: int) -> tuple[Turns, dict[str, int]]:
    """All four runs, each on a store of its own; with the bytes put into each store."""
    turns[:] = [Turns()]
    stores = {kind: Weighed(open_store(kind)) for kind in KINDS}
    async with contextlib.AsyncExitStack() as stack:
        results = {}
        for kind, store in stores.items():
            engine = await stack.enter_async_context(Engine(storage=store, workflows=[KINDS[kind]]))
            run = await engine.start(KINDS[kind], steps)
            results[kind] = asyncio.ensure_future(run.result())
            while kind not in turns[0].waiting:
                await asyncio.sleep(0.001)
        turns[0].arrived.clear()
        await turns[0].take(results)
        for kind, result in results.items():
            assert await result == (ITEM if kind == "constant" else steps)
    return turns[0], {kind: store.put_bytes for kind, store in stores.items()}


async def figures(folder: Path, steps: int = STEPS) -> list[Figure]:
    on_disk, put = await run_all(lambda kind: SQLiteStorage(folder / f"{kind}.db"), steps)
    in_memory, _ = await run_all(lambda kind: MemoryStorage(), steps)
    times = on_disk.wall_s
    out = [Figure(f"{steps:,} steps with constant state, SQLite strict", f"{times['constant']:.1f} s")]
    for kind, name in NAMES.items():
        out += [
            at_most(f"{name} + 1 KB a step: bytes put / bytes appended", put[kind] / (ITEM * steps), 3),
            at_most(f"{name} + 1 KB a step: time / constant state", times[kind] / times["constant"], 3),
        ]
    each = " / ".join(f"{1e6 * in_memory.cpu_s[kind] / steps:,.0f}" for kind in KINDS)
    return [*out, Figure("CPU a step on MemoryStorage: constant / list / dict / dicts", f"{each} us")]

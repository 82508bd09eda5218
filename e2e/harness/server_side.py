"""The same workflows on this machine's CPython and SQLite, to compare the browser with."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from weft_core import Engine, Workflow
from weft_server.storage.sqlite import SQLiteStorage

T = TypeVar("T")
Rows = list[tuple[str, bytes]]
EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"


def example(name: str, folder: Path = EXAMPLES) -> ModuleType:
    """A module of a folder, under the name that it has in the browser."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
        assert spec is not None and spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def on_server(database: Path, use: Callable[[Engine], Awaitable[T]], workflows: Sequence[Workflow] | None = None) -> T:
    """Open an engine with ``workflows`` (the checkout) on an SQLite file, use it, close it.

    In a thread of its own: Playwright's synchronous interface keeps an event loop running in this one.
    """

    async def work() -> T:
        storage = SQLiteStorage(database)
        async with Engine(storage=storage, workflows=workflows or [example("checkout").checkout]) as engine:
            return await use(engine)

    return _in_thread(work)


def rows_of(database: Path) -> Rows:
    """Every record of a store that no engine owns at the moment."""

    async def work() -> Rows:
        storage = SQLiteStorage(database)
        try:
            rows: Rows = []
            while page := await storage.scan("", after=rows[-1][0] if rows else None):
                rows += page
            return rows
        finally:
            await storage.close()

    return _in_thread(work)


def row_of(database: Path, key: str) -> bytes | None:
    """One record, beside the engine that owns the store, or after it was killed. None: there is none."""

    async def work() -> bytes | None:
        storage = SQLiteStorage(database, read_only=True)
        try:
            return await storage.get(key)
        finally:
            await storage.close()

    return _in_thread(work)


def put_rows(database: Path, rows: Rows) -> None:
    """Fill a new store."""

    async def work() -> None:
        storage = SQLiteStorage(database)
        await storage.batch(rows)
        await storage.close()

    _in_thread(work)


def _in_thread(work: Callable[[], Awaitable[T]]) -> T:
    async def run() -> T:
        return await work()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(run())).result()


async def parked(engine: Engine, run_id: str) -> dict[str, Any]:
    """Wait until the run waits for a signal; returns its frames."""
    async for _ in engine.get_handle(run_id).tail():
        info = await engine.describe(run_id)
        if any(wait["kind"] == "signal" for wait in info["waiting_for"]):
            break
    view: dict[str, Any] = await engine.frames(run_id)
    return view

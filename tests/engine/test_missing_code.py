"""Missing code holds a run, it does not fail it (G15, G16); an idle engine learns that it has been fenced."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from weft_core import Context, Engine, activity, workflow
from weft_core.errors import ActivityNotRegisteredError, EngineFencedError, RunHeldError
from weft_core.ports import StorageCapabilities
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine, virtual_host

attempts: list[str] = []


@activity(name="here today")
async def here_today(value: Any) -> Any:
    attempts.append("today")
    return value


@workflow
async def by_name(ctx: Context, name: str) -> str:
    await ctx.wait_for_signal("go")
    return str(await ctx.run(name, "done"))


@workflow
async def at_once(ctx: Context) -> None:
    await ctx.run("nobody knows it")


async def test_a_start_that_needs_an_unknown_activity_is_refused_and_leaves_nothing() -> None:
    async with TestEngine(workflows=[at_once]) as engine:
        with pytest.raises(ActivityNotRegisteredError, match="nobody knows it"):
            await engine.start(at_once, id="r")
        assert not await engine.storage.scan("run/")


async def test_a_run_that_comes_to_an_unknown_activity_is_held_and_goes_on_once_it_is_registered() -> None:
    @activity(name="later")
    async def one(value: Any) -> Any:
        return value

    @activity(name="later")  # two of that name, so that neither is taken without being asked for
    async def two(value: Any) -> Any:
        return f"{value} by two"

    storage = MemoryStorage()
    async with TestEngine(workflows=[by_name], storage=storage) as engine:
        handle = await engine.start(by_name, "later", id="r")
        await handle.signal("go")
        with pytest.raises(RunHeldError, match="ActivityNotRegisteredError"):
            await handle.result()
        assert (await handle.describe())["status"] == "held"
    async with TestEngine(workflows=[by_name], activities=[two], storage=storage.reopen()) as engine:
        assert await engine.get_handle("r").result() == "done by two"


class SharedMemory(MemoryStorage):
    """Memory that says others may write to it, as a file does."""

    capabilities = StorageCapabilities(shared=True)


async def test_G11_an_idle_engine_on_a_shared_store_learns_that_it_has_been_fenced() -> None:
    storage = SharedMemory()
    first = Engine(storage=storage, workflows=[by_name], host=virtual_host(), close_storage=False)
    await first.open()
    handle = await first.start(by_name, "here today", id="r")
    waiting = asyncio.ensure_future(handle.result())
    async with Engine(storage=storage, workflows=[by_name], host=virtual_host(), close_storage=False):
        with pytest.raises(EngineFencedError):
            await asyncio.wait_for(waiting, 10)
        assert first.status == "fenced"
    await first.close()

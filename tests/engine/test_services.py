"""Services: objects of the host that workflows and activities use and no checkpoint holds; resolved after a restart."""

from __future__ import annotations

from typing import Any

import pytest

from weft_core import Context, activity, activity_info, workflow
from weft_core.errors import RunFailedError, RunHeldError, ServiceNotFoundError
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine, VirtualClock


class Mailer:
    """A live object: nothing can write it into a checkpoint."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.connection = (part for part in ())


@activity
async def mail(text: str) -> int:
    mailer: Mailer = activity_info().services.mailer
    mailer.sent.append(text)
    return len(mailer.sent)


@workflow
async def letters(ctx: Context, text: str) -> list[Any]:
    mailer, services, region = ctx.services.mailer, ctx.services, ctx.services["region"]
    first = await ctx.run(mail, text)
    await ctx.sleep("1 hour")
    return [
        first,
        await ctx.run(mail, text),
        mailer is services["mailer"] is ctx.services.mailer,
        region,
        len(services),
    ]


async def test_services_of_the_engine_are_in_workflows_and_activities_also_after_a_restart() -> None:
    rows, clock = MemoryStorage(), VirtualClock()
    before, after = Mailer(), Mailer()
    async with TestEngine(
        workflows=[letters], storage=rows, clock=clock, services={"mailer": before, "region": "eu"}
    ) as engine:
        handle = await engine.start(letters, "hello", id="run")
        await engine.settle()
    async with TestEngine(
        workflows=[letters], storage=rows.reopen(), clock=clock, services={"mailer": after, "region": "us"}
    ) as engine:
        await engine.advance_time("1 hour")
        handle = engine.get_handle("run")
        assert await handle.result() == [1, 1, True, "eu", 2], "a plain value in a variable is the workflow's own"
    assert (before.sent, after.sent) == (["hello"], ["hello"])


async def test_a_run_of_its_own_services_has_them_while_this_process_lives() -> None:
    mine = Mailer()
    async with TestEngine(workflows=[letters], services={"region": "eu"}) as engine:
        handle = await engine.start(letters, "hi", services={"mailer": mine})
        await engine.settle()
        engine._parts.live.evict_all()
        await engine.advance_time("1 hour")
        assert (await handle.result())[:3] == [1, 2, True]
        assert not engine._services._own, "forgotten with the run"


async def test_after_a_restart_the_resolver_is_asked_once_for_each_such_run_and_for_no_other() -> None:
    asked: list[dict[str, Any]] = []
    mine = Mailer()

    async def resolve(run: dict[str, Any]) -> dict[str, Any]:
        asked.append(run)
        return {"mailer": mine}

    rows, clock = MemoryStorage(), VirtualClock()
    common = {"mailer": Mailer(), "region": "eu"}
    async with TestEngine(workflows=[letters], storage=rows, clock=clock, services=common) as engine:
        await engine.start(letters, "own", id="own", services={"mailer": Mailer()})
        await engine.start(letters, "common", id="common")
        await engine.settle()
    async with TestEngine(
        workflows=[letters], storage=rows.reopen(), clock=clock, services=common, resolve_services=resolve
    ) as engine:
        await engine.advance_time("1 hour")
        await engine.get_handle("own").result()
        await engine.get_handle("common").result()
    assert asked == [{"id": "own", "workflow": "letters", "version": "1", "input": ["own"]}]
    assert mine.sent == ["own"]


async def test_G15_a_run_whose_services_are_not_to_be_had_is_held_and_no_other() -> None:
    """In the original it fails, and its work is lost."""
    rows, clock = MemoryStorage(), VirtualClock()
    common = {"mailer": Mailer(), "region": "eu"}
    async with TestEngine(workflows=[letters], storage=rows, clock=clock, services=common) as engine:
        await engine.start(letters, "own", id="own", services={"mailer": Mailer()})
        await engine.start(letters, "common", id="common")
        await engine.settle()
    async with TestEngine(workflows=[letters], storage=rows.reopen(), clock=clock, services=common) as engine:
        await engine.advance_time("1 hour")
        await engine.get_handle("common").result()
        with pytest.raises(RunHeldError, match="resolve_services"):
            await engine.get_handle("own").result()
    mine = Mailer()
    async with TestEngine(
        workflows=[letters], storage=rows.reopen(), clock=clock, services=common,
        resolve_services=lambda run: {"mailer": mine},
    ) as engine:  # fmt: skip
        await engine.settle()  # a held run is taken up again when an engine opens its store
        await engine.get_handle("own").result()
    assert mine.sent == ["own"]


async def test_a_service_that_is_not_there_says_what_there_is() -> None:
    """Audit 20: in the original ``services`` is undefined without a word."""

    @workflow(name="asking")
    async def asking(ctx: Context, how: str) -> None:
        if how == "item":
            ctx.services["nothing"]
        _ = ctx.services.nothing

    async with TestEngine(workflows=[asking], services={"region": "eu"}) as engine:
        for how in ("item", "attribute"):
            with pytest.raises(RunFailedError) as failed:
                await (await engine.start(asking, how)).result()
            cause = failed.value.__cause__
            assert isinstance(cause, ServiceNotFoundError) and isinstance(cause, (KeyError, AttributeError))
            assert "nothing" in str(cause) and "region" in str(cause)

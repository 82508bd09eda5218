"""Queries: answered from committed state, never changing it, also when the run is finished (G9)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.invariants import Invariants
from weft_core import Context, durable, workflow
from weft_core.errors import QueryNotFoundError, RunFailedError, SnapshotError, WorkflowNotRegisteredError
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine


@workflow
async def ledger(ctx: Context, fail: bool) -> int:
    entries: list[int] = [1, 2]
    note = "open"

    def steal() -> list[int]:
        nonlocal note
        entries.append(99)
        note = "stolen from"
        ctx.expose("stolen", True)
        ctx.on_query("another", lambda: 1)
        ctx.log("nobody saw it")
        return entries

    ctx.expose("kind", "ledger")
    ctx.on_query("steal", steal)
    ctx.on_query("sum", lambda factor=1: sum(entries) * factor)
    ctx.on_query("note", lambda: note)
    await ctx.wait_for_signal("close")
    entries.append(4)
    note = "closed"
    if fail:
        raise ValueError("does not add up")
    return sum(entries)


async def test_G9_a_handler_that_changes_the_runs_variables_changes_a_copy() -> None:
    """The original hands live objects to a query: what it changes is stored with the next step."""
    rows = MemoryStorage()
    async with TestEngine(workflows=[ledger], storage=rows) as engine:
        handle = await engine.start(ledger, False)
        before = rows.rows()
        for _ in range(2):
            assert await handle.query("steal") == [1, 2, 99]
        assert (await handle.query("sum"), await handle.query("note")) == (3, "open")
        for name in ("stolen", "another"):
            with pytest.raises(QueryNotFoundError):
                await handle.query(name)
        assert rows.rows() == before
        await handle.signal("close")
        assert await handle.result() == 7
        assert "logged" not in [e["type"] for e in await handle.history()]


@pytest.mark.parametrize("fail", [False, True])
async def test_G9_a_finished_run_answers_from_its_last_state(fail: bool) -> None:
    """The original answers None once a run is over."""
    rows = MemoryStorage()
    async with TestEngine(workflows=[ledger], storage=rows) as engine:
        handle = await engine.start(ledger, fail)
        await handle.signal("close")
        if fail:
            with pytest.raises(RunFailedError):
                await handle.result()
        for _ in range(2):
            assert await engine.query(handle.id, "sum", 10) == 70
            assert await engine.query(handle.id, "note") == "closed"
            assert await engine.query(handle.id, "kind") == "ledger"
            assert await engine.query(handle.id, "steal") == [1, 2, 4, 99]
            assert await engine.query_at(handle.id, "sum") == (7, 1)
            await engine.crash_and_recover()
        with pytest.raises(QueryNotFoundError, match=r"\['kind', 'note', 'steal', 'sum'\]"):
            await engine.query(handle.id, "summ")
        Invariants().check(rows.reopen().rows())


@workflow
async def plain(ctx: Context) -> int:
    await ctx.sleep(1)
    return 1


async def test_a_run_without_handlers_leaves_no_record_for_them() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[plain], storage=rows) as engine:
        handle = await engine.start(plain)
        await engine.advance_time(1)
        assert await handle.result() == 1
        assert not [key for key in rows.rows() if key.startswith("answers/")]


async def test_the_handlers_of_a_finished_run_whose_code_is_gone_are_a_typed_error() -> None:
    rows = MemoryStorage()
    async with TestEngine(workflows=[ledger], storage=rows) as engine:
        handle = await engine.start(ledger, False)
        await handle.signal("close")
        await handle.result()
    async with TestEngine(workflows=[plain], storage=rows.reopen()) as engine:
        with pytest.raises(WorkflowNotRegisteredError):
            await engine.query(handle.id, "sum")
        assert await engine.query(handle.id, "kind") == "ledger", "what it had exposed needs no code"


@workflow
async def unstorable_end(ctx: Context) -> str:
    box: list[Any] = []
    ctx.on_query("box", lambda: len(box))
    await ctx.sleep(1)
    box.append(open)
    box.append((n for n in box))
    return "done"


async def test_handlers_that_cannot_be_stored_at_the_end_do_not_fail_the_run() -> None:
    async with TestEngine(workflows=[unstorable_end]) as engine:
        handle = await engine.start(unstorable_end)
        assert await handle.query("box") == 0
        await engine.advance_time(1)
        assert await handle.result() == "done"
        with pytest.raises(SnapshotError, match="could not be stored when it ended"):
            await handle.query("box")


@durable
async def helper(ctx: Context, log: list[str]) -> None:
    ctx.on_query("log", lambda: ", ".join(log))
    await ctx.wait_for_signal("end")
    log.append("ended")


@workflow
async def with_helper(ctx: Context) -> int:
    log = ["begun"]
    await helper(ctx, log)
    return len(log)


async def test_a_handler_of_a_helper_answers_when_its_frame_is_gone() -> None:
    async with TestEngine(workflows=[with_helper]) as engine:
        handle = await engine.start(with_helper)
        await engine.crash_and_recover()
        assert await engine.query(handle.id, "log") == "begun"
        await engine.signal(handle.id, "end")
        assert await engine.get_handle(handle.id).result() == 2
        assert await engine.query(handle.id, "log") == "begun, ended"

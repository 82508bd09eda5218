"""Starts, signals and cancels in the caller's own transaction: they are there exactly if his rows are."""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.storage.test_kills import start as start_child
from weft_core import Context, activity, load_source, signal, workflow
from weft_core.client import leave_start
from weft_core.errors import (
    IdempotencyKeyConflictError,
    InvalidInputError,
    OperationMisuseError,
    PayloadTooLargeError,
    RunExistsError,
    RunFinishedError,
    RunNotFoundError,
    SignalNotDeclaredError,
    StorageOpenError,
)
from weft_core.machine.sealed import seal_plain
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine, VirtualClock
from weft_server.storage.sqlite import SQLiteStorage, outbox

rush = signal("rush")
shipped: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_shipped() -> None:
    shipped.clear()


@activity
def send_parcel(order: str) -> str:
    shipped.append(order)
    return f"{order} is on its way"


@workflow(name="ship")
async def ship(ctx: Context, order: str) -> str:
    return await ctx.run(send_parcel, order)


@workflow(name="ship_when_asked", signals=[rush])
async def ship_when_asked(ctx: Context, order: str) -> Any:
    return [order, await ctx.wait_for_signal(rush)]


def engine_on(storage: Any, **options: Any) -> TestEngine:
    return TestEngine(workflows=[ship, ship_when_asked], storage=storage, **options)


class Shop:
    """A store, an engine that looks into its inbox when it is told to, and a program with tables of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.storage = SQLiteStorage(path)
        self.engine = engine_on(self.storage)

    async def __aenter__(self) -> Shop:
        await self.engine.open()
        await self.engine._parts.inbox.close()
        self.own = sqlite3.connect(self.path)
        self.own.execute("CREATE TABLE orders (id TEXT PRIMARY KEY)")
        self.own.commit()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.own.close()
        await self.engine.close()
        await self.storage.close()

    async def look(self) -> None:
        await self.engine._parts.inbox.take()
        await self.engine.settle()


def in_a_shop(test: Callable[[Shop], Awaitable[None]]) -> Callable[[Path], Awaitable[None]]:
    async def run(tmp_path: Path) -> None:
        async with Shop(tmp_path / "weft.db") as shop:
            await test(shop)

    return run


# ------------------------------------------------------------------ commit and rollback


@in_a_shop
async def test_a_run_is_started_if_the_transaction_commits(shop: Shop) -> None:
    shop.own.execute("INSERT INTO orders VALUES ('o1')")
    run_id = outbox(shop.own).start(ship, "o1")
    await shop.look()
    assert shipped == [], "nothing is visible before the commit (G1)"
    shop.own.commit()
    await shop.look()
    assert await shop.engine.get_handle(run_id).result() == "o1 is on its way"
    await shop.look()
    assert shipped == ["o1"]


@in_a_shop
async def test_nothing_is_started_if_it_is_rolled_back(shop: Shop) -> None:
    shop.own.execute("INSERT INTO orders VALUES ('o1')")
    outbox(shop.own).start(ship, "o1", id="o1")
    shop.own.rollback()
    await shop.look()
    assert shipped == [] and not await shop.storage.scan("inbox/")
    assert shop.own.execute("SELECT count(*) FROM orders").fetchone() == (0,)


@in_a_shop
async def test_a_start_and_its_signals_arrive_in_order_and_a_cancel_too(shop: Shop) -> None:
    leave = outbox(shop.own)
    run_id = leave.start(ship_when_asked, "o1", id="o1", tags=["new"], headers={"trace": "t1"})
    leave.signal(run_id, rush, "now", signal_id="s1")
    leave.signal(run_id, "rush", "again", signal_id="s1")
    other = leave.start("ship_when_asked", "o2")
    shop.own.commit()
    await shop.look()
    assert await shop.engine.get_handle("o1").result() == ["o1", "now"]
    info = await shop.engine.describe("o1")
    assert info["tags"] == ["new"]
    leave.cancel(other, reason="no stock")
    shop.own.commit()
    await shop.look()
    assert (await shop.engine.describe(other))["status"] == "cancelled"


@in_a_shop
async def test_delay_and_execution_timeout_are_kept(shop: Shop) -> None:
    now = shop.engine.clock.now_ms()
    shop.engine.clock.advance_to(now)
    outbox(shop.own).start(ship_when_asked, "o1", id="late", start_at=now / 1000 + 60, execution_timeout=30)
    shop.own.commit()
    await shop.look()
    assert (await shop.engine.describe("late"))["status"] == "pending"
    await shop.engine.advance_time(89)
    assert (await shop.engine.describe("late"))["status"] == "running"
    await shop.engine.advance_time(1)
    assert (await shop.engine.describe("late"))["status"] == "timed_out"


# ------------------------------------------------------------------ what is refused


@in_a_shop
async def test_what_is_wrong_is_said_at_once_and_the_callers_rows_stay(shop: Shop) -> None:
    leave = outbox(shop.own)
    await shop.engine.start(ship, "o1", id="done")
    await shop.engine.start(ship_when_asked, "o1", id="waits")
    await shop.engine.settle()
    shop.own.execute("INSERT INTO orders VALUES ('kept')")
    for refused, call in [
        (RunExistsError, lambda: leave.start(ship, "o1", id="done")),
        (InvalidInputError, lambda: leave.start(ship, "one", "too many")),
        (InvalidInputError, lambda: leave.start(ship, "o1", id="a/b")),
        (PayloadTooLargeError, lambda: leave.start(ship, "x" * 3_000_000)),
        (RunFinishedError, lambda: leave.signal("done", rush)),
        (RunFinishedError, lambda: leave.cancel("done")),
        (RunNotFoundError, lambda: leave.signal("nobody", rush)),
        (SignalNotDeclaredError, lambda: leave.signal("waits", "hurry")),
        (PayloadTooLargeError, lambda: leave.signal("waits", rush, "x" * 3_000_000)),
    ]:
        with pytest.raises(refused):
            call()
    shop.own.commit()
    assert shop.own.execute("SELECT id FROM orders").fetchall() == [("kept",)]
    assert not await shop.storage.scan("inbox/")


@in_a_shop
async def test_G6_the_same_key_is_the_same_run_before_and_after_it_is_taken_up(shop: Shop) -> None:
    leave = outbox(shop.own)
    first = leave.start(ship, "o1", idempotency_key="k")
    assert leave.start(ship, "o1", idempotency_key="k") == first, "in one transaction"
    with pytest.raises(IdempotencyKeyConflictError):
        leave.start(ship, "another", idempotency_key="k")
    shop.own.commit()
    assert leave.start(ship, "o1", idempotency_key="k") == first, "before it is taken up"
    shop.own.commit()
    await shop.look()
    assert leave.start(ship, "o1", idempotency_key="k") == first, "after"
    assert leave.start(ship, "o1", idempotency_key="k", id=first) == first
    with pytest.raises(IdempotencyKeyConflictError):
        leave.start(ship, "o1", idempotency_key="k", id="another")
    with pytest.raises(IdempotencyKeyConflictError):
        leave.start(ship, "another", idempotency_key="k")
    shop.own.commit()
    await shop.look()
    assert (await shop.engine.start(ship, "o1", idempotency_key="k")).id == first
    assert shipped == ["o1"]


@in_a_shop
async def test_two_starts_of_one_id_in_one_transaction_are_refused(shop: Shop) -> None:
    leave = outbox(shop.own)
    leave.start(ship, "o1", id="o1")
    with pytest.raises(RunExistsError, match="about to start"):
        leave.start(ship, "o1", id="o1")


@in_a_shop
async def test_a_connection_that_has_no_transaction_is_refused_and_any_other_kind_is_taken(shop: Shop) -> None:
    every = sqlite3.connect(shop.path, isolation_level=None)
    with pytest.raises(OperationMisuseError, match="BEGIN one first"):
        outbox(every).start(ship, "o1")
    every.execute("BEGIN")
    every.row_factory = lambda cursor, row: {"it is": "a dict"}
    outbox(every).start(ship, "o1", id="o1")
    every.execute("COMMIT")
    every.close()
    await shop.look()
    assert shipped == ["o1"]


@in_a_shop
async def test_a_savepoint_of_the_callers_own_takes_it_back_as_well(shop: Shop) -> None:
    shop.own.execute("BEGIN")
    shop.own.execute("SAVEPOINT mine")
    outbox(shop.own).start(ship, "o1", id="o1")
    shop.own.execute("ROLLBACK TO mine")
    outbox(shop.own).start(ship, "o2", id="o2")
    shop.own.commit()
    await shop.look()
    assert shipped == ["o2"]


def test_a_database_that_is_no_store_is_refused(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "other.db")
    with pytest.raises(StorageOpenError, match="no Weft store"):
        outbox(connection)
    connection.close()


# ------------------------------------------------------------------ who takes it up


async def test_a_start_that_the_code_cannot_do_waits_for_code_that_can_and_so_do_its_signals(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows, clock = MemoryStorage(), VirtualClock()
    async with engine_on(rows.reopen(), clock=clock) as engine:
        await leave_start(rows, engine._host.ids, "later", "o1", id="o1", now=clock.now_ms())  # type: ignore[union-attr]
        await leave_start(rows, engine._host.ids, "ship", id="o2", now=clock.now_ms())  # type: ignore[union-attr]
        message = ["signal", "o1", "rush", b"", None]
        await rows.put("inbox/~", seal_plain("inbox/~", message))
        with caplog.at_level(logging.WARNING, logger="weft"):
            for _ in range(3):
                await engine._parts.inbox.take()
        told = [record.getMessage() for record in caplog.records]
        assert len(told) == 2 and "'later' is not registered" in told[0] and "missing a required" in told[1]
    assert len(await rows.scan("inbox/")) == 3

    @workflow(name="later")
    async def later(ctx: Context, order: str) -> str:
        return order

    async with TestEngine(workflows=[later, ship], storage=rows.reopen(), clock=clock) as engine:
        assert await engine.get_handle("o1").result() == "o1"


async def test_what_others_leave_may_be_nonsense(caplog: pytest.LogCaptureFixture) -> None:
    rows = MemoryStorage()
    nonsense: list[list[Any]] = [
        ["start"], ["start", "ship", b"", {}], ["start", "ship", b"", {"id": 7}], ["start", "ship", b"", {"id": "x"}],
        ["start", "ship", b"\x07", {"id": "x", "start_at": "soon"}], ["start", "ship", b"\x07", {"id": "x", "more": 1}],
        ["start", 3, b"", {"id": "x"}],
    ]  # fmt: skip
    for i, message in enumerate(nonsense):
        await rows.put(f"inbox/{i}", seal_plain(f"inbox/{i}", message))
    async with engine_on(rows.reopen()) as engine:
        assert not await rows.scan("inbox/")
        assert (await engine.list()).items == []
        with pytest.raises(RunExistsError):
            await leave_start(rows, engine._host.ids, ship, "o", id=(await engine.start(ship, "o")).id, now=0)  # type: ignore[union-attr]


async def test_a_crash_at_any_write_of_the_one_who_takes_it_up_starts_one_run() -> None:
    for mode in ("before", "after"):
        for at in range(1, 8):
            shipped.clear()
            rows, clock = MemoryStorage(), VirtualClock()
            async with engine_on(rows.reopen(), clock=clock) as engine:
                ids = engine._host.ids  # type: ignore[union-attr]
            await leave_start(rows, ids, ship, "o1", idempotency_key="k", now=clock.now_ms())
            engine = engine_on(CrashingStorage(rows.reopen(), at, mode), clock=clock)  # type: ignore[arg-type]
            try:
                await engine.open()
                await engine.settle()
            except SimulatedCrash:
                pass
            await engine.crash()
            async with engine_on(rows.reopen(), clock=clock) as engine:
                await engine.settle()
                (run,) = (await engine.list()).items
                assert await engine.run_to_end(engine.get_handle(run["id"])) == "o1 is on its way"
                assert 1 <= len(shipped) <= 2 and not await rows.scan("inbox/")


async def test_an_engine_that_runs_takes_it_up_by_itself(tmp_path: Path) -> None:
    async with engine_on(SQLiteStorage(tmp_path / "weft.db")) as engine:
        own = sqlite3.connect(tmp_path / "weft.db")
        run_id = outbox(own).start(ship, "o1", id="o1")
        own.commit()
        own.close()
        for _ in range(500):
            if await engine.storage.has("run/o1"):
                break
            await asyncio.sleep(0.01)
        assert await engine.get_handle(run_id).result() == "o1 is on its way"
    await engine.storage.close()


async def test_kill_9_of_the_caller_leaves_a_run_for_every_order_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "weft.db"
    storage = SQLiteStorage(path)
    await storage.get("made")
    for turns in (1, 4, 23):
        with start_child("sell_for_ever", path) as child:
            assert child.stdout is not None
            for _ in range(turns):
                child.stdout.readline()
            child.kill()
    async with engine_on(storage) as engine:
        await engine.settle()
        own = sqlite3.connect(path)
        orders = {order for (order,) in own.execute("SELECT id FROM orders")}
        own.close()
        runs = {run["id"] for run in (await engine.list(limit=1000)).items}
        assert runs == orders and len(orders) >= 28
        assert sorted(shipped) == sorted(orders)
    await storage.close()


async def test_the_page_on_transactions_runs(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "transactions.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    module = load_source("page_on_transactions", "\n\n".join(blocks))
    await module.main(tmp_path / "weft.db")

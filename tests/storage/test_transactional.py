"""Transactional activities: the author's rows and the record of the outcome are there together, or neither is (G5)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.storage import payments
from tests.storage.payments import ONCE, Transaction, make_tables, paid, pay, pay_twice
from tests.storage.test_kills import ROOT
from weft_core import Context, Interceptor, RetryPolicy, activity, activity_info, load_source, queue, workflow
from weft_core.errors import (
    DefinitionError,
    EngineFencedError,
    OperationMisuseError,
    RunFailedError,
    RunFinishedError,
    StorageCapabilityError,
)
from weft_core.storage import CompressedStorage, ScopedStorage
from weft_core.testing import CrashingStorage, FailingStorage, SimulatedCrash, TestEngine, VirtualClock
from weft_server.storage.sqlite import SQLiteStorage

BOTH = [("r", "a", 10), ("r", "b", 32)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    asyncio.run(_make_store(tmp_path / "weft.db"))
    make_tables(tmp_path / "weft.db")
    return tmp_path / "weft.db"


async def _make_store(path: Path) -> None:
    storage = SQLiteStorage(path)
    await storage.get("x")
    await storage.close()


class Open:
    """An engine on the file, and a store that is closed behind it."""

    def __init__(
        self, path: Path, wrap: Callable[[Any], Any] = lambda s: s, where: str = "auto", **options: Any
    ) -> None:
        self.storage = SQLiteStorage(path, commit_in=where)  # type: ignore[arg-type]
        self.engine = TestEngine(storage=wrap(self.storage), **{"workflows": [pay_twice], **options})

    async def __aenter__(self) -> TestEngine:
        await self.engine.open()
        return self.engine

    async def __aexit__(self, *exc: object) -> None:
        try:
            await self.engine.crash() if self.engine.status != "open" else await self.engine.close()
        finally:
            await self.storage.close()


def of(fn: Callable[..., Any], **options: Any) -> Any:
    """A workflow that runs the function as a transactional activity."""
    act = activity(transactional=True, name=fn.__name__, **{"retry": ONCE, **options})(fn)

    @workflow(name=f"runs_{fn.__name__}").activities(act)
    async def runs(ctx: Context, *args: Any) -> Any:
        return await ctx.run(act, *args)

    return runs


async def run(path: Path, fn: Callable[..., Any], *args: Any, **options: Any) -> Any:
    runs = of(fn, **options)
    async with Open(path, workflows=[runs]) as engine:
        return await engine.run(runs, *args)


async def failure(path: Path, fn: Callable[..., Any], *args: Any, **options: Any) -> BaseException:
    with pytest.raises(RunFailedError) as failed:
        await run(path, fn, *args, **options)
    assert failed.value.__cause__ is not None
    return failed.value.__cause__


# ------------------------------------------------------------------ together, or not at all


@pytest.mark.parametrize("where", ["auto", "thread", "loop"])
async def test_G5_the_authors_rows_and_the_outcome_are_committed_together(path: Path, where: str) -> None:
    async with Open(path, where=where) as engine:
        assert await engine.run(pay_twice, "r", id="r") == [10, 42]
        assert paid(path) == BOTH
        kinds = [event["type"] for event in await engine.history("r")]
        assert kinds.count("activity_completed") == 3


async def test_what_raises_is_rolled_back_and_tried_again_as_its_policy_says(path: Path) -> None:
    seen: list[int] = []

    def stumbles(tx: Transaction) -> int:
        tx.execute("INSERT INTO payments VALUES ('r', 'a', ?)", (activity_info().attempt,))
        seen.append(tx.execute("SELECT count(*) FROM payments").fetchone()[0])
        if activity_info().attempt < 3:
            raise ValueError("not yet")
        return activity_info().attempt

    assert await run(path, stumbles, retry=RetryPolicy(max_attempts=3)) == 3
    assert seen == [1, 1, 1] and paid(path) == [("r", "a", 3)]


@pytest.mark.parametrize("bad", [lambda: object(), lambda: "x" * 3_000_000])
async def test_a_value_that_cannot_be_stored_takes_its_rows_with_it(path: Path, bad: Callable[[], Any]) -> None:
    def returns(tx: Transaction) -> Any:
        tx.execute("INSERT INTO payments VALUES ('r', 'a', 1)")
        return bad()

    await failure(path, returns)
    assert paid(path) == []


async def test_a_run_that_cannot_be_stored_after_it_keeps_no_row_of_it(path: Path) -> None:
    @workflow
    async def chokes(ctx: Context) -> None:
        await ctx.run(pay, "r", "a", 10)
        unstorable = threading.Lock()
        await ctx.sleep(1)
        unstorable.acquire()

    async with Open(path, workflows=[chokes]) as engine:
        handle = await engine.start(chokes, id="r")
        await engine.settle()
        assert (await handle.describe())["status"] in ("dead", "held")
        assert paid(path) == [], "its outcome is not recorded, so it has not happened"
        await engine.resume("r")
        await engine.settle()
        assert paid(path) == []


async def test_errors_that_are_no_exceptions_are_failures_too(path: Path) -> None:
    def leaves(tx: Transaction) -> None:
        tx.execute("INSERT INTO payments VALUES ('r', 'a', 1)")
        raise SystemExit(3)

    assert "SystemExit" in str(await failure(path, leaves))

    def stops(tx: Transaction) -> None:
        raise StopIteration("odd")

    assert "StopIteration" in repr(await failure(path, stops))
    assert paid(path) == []


# ------------------------------------------------------------------ crashes


async def test_G5_a_crash_at_any_write_neither_loses_nor_repeats_an_effect(tmp_path: Path) -> None:
    for mode in ("before", "after"):
        at = 0
        while True:
            at += 1
            path = tmp_path / f"{mode}-{at}.db"
            await _make_store(path)
            make_tables(path)
            clock = VirtualClock()
            life = Open(path, lambda s: CrashingStorage(s, at, mode), clock=clock)  # noqa: B023
            crashed = False
            try:
                await life.engine.open()
                assert await life.engine.run(pay_twice, "r", id="r") == [10, 42]
            except SimulatedCrash:
                crashed = True
            await life.engine.crash()
            await life.storage.close()
            async with Open(path, clock=clock) as engine:
                handle = await engine.start(pay_twice, "r", id="r", on_conflict="return_existing")
                assert await engine.run_to_end(handle) == [10, 42], (mode, at)
            assert paid(path) == BOTH, (mode, at)
            if not crashed:
                break
        assert at > 8


@pytest.mark.parametrize("where", ["auto", "loop"])
async def test_G5_kill_9_leaves_one_payment_for_each_step_always(path: Path, where: str) -> None:
    """With ``max_attempts=1``: that an attempt was cut off is known to have had no effect, so it is made again."""
    program = [sys.executable, payments.__file__, str(path), where]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for lines in (2, 4, 9, 30):
        with subprocess.Popen(program, stdout=subprocess.PIPE, env=environment) as child:
            assert child.stdout is not None
            for _ in range(lines):
                child.stdout.readline()
            child.kill()
    async with Open(path) as engine:
        await engine.settle()
        runs = (await engine.list(limit=1000)).items
        assert len(runs) > 20 and {run["status"] for run in runs} == {"completed"}
        expected = sorted((run["id"], *step) for run in runs for step in (("a", 10), ("b", 32)))
        assert paid(path) == expected


async def test_a_store_in_trouble_neither_loses_nor_repeats_an_effect(tmp_path: Path) -> None:
    for failing in ("unavailable", "quota", "unknown-committed", "unknown-lost"):
        for at in range(1, 8):
            path = tmp_path / f"{failing}-{at}.db"
            await _make_store(path)
            make_tables(path)
            async with Open(path, FailingStorage) as engine:
                store = engine.storage
                assert isinstance(store, FailingStorage)
                store.fail_next_writes(1, failing)  # type: ignore[arg-type]
                store._from = store.writes + at
                assert await engine.run(pay_twice, "r", id="r") == [10, 42]
                assert store.writes > at
            assert paid(path) == BOTH, (failing, at)


async def test_a_store_that_fails_for_good_degrades_the_engine_and_the_next_one_makes_the_effect(path: Path) -> None:
    clock = VirtualClock()
    life = Open(path, FailingStorage, clock=clock)
    await life.engine.open()
    failing = life.engine.storage
    assert isinstance(failing, FailingStorage)

    def break_it(tx: Transaction) -> None:
        tx.execute("INSERT INTO payments VALUES ('r', 'a', 1)")
        if first:
            failing.fail_next_writes(100)

    first, runs = True, of(break_it)
    life.engine.register(runs)
    await life.engine.start(runs, id="r")
    await life.engine.settle()
    assert life.engine.status == "degraded" and paid(path) == []
    await life.engine.crash()
    await life.storage.close()
    first = False
    async with Open(path, clock=clock, workflows=[runs]) as engine:
        await engine.settle()
        assert (await engine.describe("r"))["status"] == "completed"
    assert paid(path) == [("r", "a", 1)]


async def test_G11_an_engine_that_was_overtaken_makes_no_effect(path: Path) -> None:
    async with Open(path) as old:
        async with Open(path) as new:
            old._parts.inbox._task.cancel()  # type: ignore[union-attr]
            with pytest.raises(EngineFencedError):
                await old.run(pay_twice, "r", id="r")
            assert paid(path) == []
            assert await new.run(pay_twice, "r", id="r") == [10, 42]
    assert paid(path) == BOTH


# ------------------------------------------------------------------ what it may do


@pytest.mark.parametrize(
    "statement",
    [
        "COMMIT", "ROLLBACK", "BEGIN", "END", "DELETE FROM kv", "SELECT value FROM kv", "UPDATE KV SET value = x''",
        "DROP TABLE kv", "ALTER TABLE kv RENAME TO vk", "CREATE INDEX i ON kv (value)", "ATTACH ':memory:' AS other",
        "CREATE TRIGGER t AFTER INSERT ON kv BEGIN SELECT 1; END", "PRAGMA journal_mode = DELETE",
        "PRAGMA user_version = 7", "CREATE TEMP TABLE t (x)", "INSERT INTO kv VALUES (x'00', x'00')",
    ],
)  # fmt: skip
async def test_it_can_neither_end_the_transaction_nor_touch_what_is_ours(path: Path, statement: str) -> None:
    def tries(tx: Transaction) -> None:
        tx.execute("INSERT INTO payments VALUES ('r', 'a', 1)")
        tx.execute(statement)

    refused = await failure(path, tries)
    assert isinstance(refused, OperationMisuseError) and "can neither end the transaction" in str(refused)
    assert paid(path) == []


async def test_it_has_what_sql_has_and_cursors_cannot_commit_either(path: Path) -> None:
    def works(tx: Transaction) -> Any:
        tx.execute("CREATE TABLE extra (n INTEGER PRIMARY KEY)")
        tx.executemany("INSERT INTO extra VALUES (?)", [(n,) for n in range(5)])
        tx.execute("SAVEPOINT s")
        cursor = tx.execute("DELETE FROM extra")
        tx.execute("ROLLBACK TO s")
        with pytest.raises(sqlite3.DatabaseError):
            cursor.connection.commit()
        with pytest.raises(sqlite3.DatabaseError):
            cursor.executescript("SELECT 1")
        columns = [row[1] for row in tx.execute("PRAGMA table_info(extra)")]
        with pytest.raises(sqlite3.IntegrityError):
            tx.execute("INSERT INTO extra VALUES (1)")
        return columns, tx.execute("SELECT sum(n) FROM extra").fetchone()[0]

    assert await run(path, works) == (["n"], 10)


async def test_a_rollback_by_the_database_itself_is_noticed(path: Path) -> None:
    def swallows(tx: Transaction) -> None:
        tx.execute("CREATE TABLE once (n INTEGER PRIMARY KEY)")
        tx.execute("INSERT INTO once VALUES (1)")
        try:
            tx.execute("INSERT OR ROLLBACK INTO once VALUES (1)")
        except sqlite3.IntegrityError:
            pass
        with pytest.raises(OperationMisuseError, match="rolled the transaction back"):
            tx.execute("INSERT INTO payments VALUES ('r', 'a', 1)")

    assert "has rolled the transaction back" in str(await failure(path, swallows))
    assert paid(path) == []


async def test_foreign_keys_are_enforced_deferred_ones_too(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE owners (id TEXT PRIMARY KEY)")
        connection.execute("CREATE TABLE pets (owner TEXT REFERENCES owners (id))")
        connection.execute("CREATE TABLE toys (owner TEXT REFERENCES owners (id) DEFERRABLE INITIALLY DEFERRED)")
    connection.close()

    def orphan(tx: Transaction, table: str) -> None:
        tx.execute("INSERT INTO payments VALUES ('r', 'a', 1)")
        tx.execute(f"INSERT INTO {table} VALUES ('nobody')")

    for table in ("pets", "toys"):
        runs = of(orphan)
        async with Open(path, workflows=[runs]) as engine:
            with pytest.raises(RunFailedError, match="FOREIGN KEY constraint failed"):
                await engine.run(runs, table)
    assert paid(path) == []


async def test_the_transaction_is_over_when_the_activity_is(path: Path) -> None:
    kept: list[Transaction] = []

    def keeps(tx: Transaction) -> None:
        kept.append(tx)

    await run(path, keeps)
    with pytest.raises(OperationMisuseError, match="the transaction is over"):
        kept[0].execute("SELECT 1")


async def test_a_statement_that_takes_too_long_is_cut_short(path: Path) -> None:
    def endless(tx: Transaction) -> None:
        tx.execute("INSERT INTO payments VALUES ('r', 'a', 1)")
        counting = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        tx.execute(counting).fetchone()

    begun = time.monotonic()
    assert "longer than its timeout of 50 ms" in str(await failure(path, endless, timeout=0.05))
    assert time.monotonic() - begun < 5 and paid(path) == []


async def test_nobody_completes_it_from_outside(path: Path) -> None:
    def hands_over(tx: Transaction) -> str:
        activity_info().heartbeat()
        return activity_info().completion_token

    assert "nobody else can complete it" in str(await failure(path, hands_over))


# ------------------------------------------------------------------ beside others


async def test_cancel_terminate_and_queues_are_as_for_other_activities(path: Path) -> None:
    one = queue("one", concurrency=1)
    runs = of(lambda_pay, queue="one")
    async with Open(path, workflows=[runs], queues=[one]) as engine:
        for name in "abc":
            await engine.start(runs, name, id=name)
        with contextlib.suppress(RunFinishedError):  # it may have had its turn already
            await engine.cancel("c")
        await engine.settle()
        assert {name: (await engine.describe(name))["status"] for name in "ab"} == dict.fromkeys("ab", "completed")
        assert engine.queues()["one"]["running"] == 0
        rows = {run for run, _, _ in paid(path)}
        assert {"a", "b"} <= rows and ("c" in rows) == ((await engine.describe("c"))["status"] == "completed")


def lambda_pay(tx: Transaction, name: str) -> None:
    tx.execute("INSERT INTO payments VALUES (?, 'x', 1)", (name,))


async def test_interceptors_are_around_it_and_may_refuse(path: Path) -> None:
    seen: list[Any] = []

    class Looks(Interceptor):
        async def activity(self, info: Any, args: tuple[Any, ...], next: Any) -> Any:
            seen.append((info.activity, args))
            if "b" in args:
                raise PermissionError("not b")
            return await next(*args)

    async with Open(path, interceptors=[Looks()]) as engine:
        with pytest.raises(RunFailedError, match="not b"):
            await engine.run(pay_twice, "r", id="r")
    assert seen == [("pay", ("r", "a", 10)), ("note", ("r",)), ("pay", ("r", "b", 32))]
    assert paid(path) == BOTH[:1]


async def test_many_runs_at_once_each_pay_once(path: Path) -> None:
    async with Open(path) as engine:
        handles = [await engine.start(pay_twice, f"r{n:02}") for n in range(30)]
        assert [await handle.result() for handle in handles] == [[10, 42]] * 30
    assert len(paid(path)) == 60 == len({row[:2] for row in paid(path)})


async def test_a_crash_while_its_statements_are_made_leaves_nothing(path: Path) -> None:
    inside, go = threading.Event(), threading.Event()

    def waits(tx: Transaction) -> None:
        tx.execute("INSERT INTO payments VALUES ('r', 'a', 1)")
        inside.set()
        go.wait(5)

    runs, clock = of(waits), VirtualClock()
    life = Open(path, workflows=[runs], clock=clock)
    await life.engine.open()
    starting = asyncio.create_task(life.engine.start(runs, id="r"))
    while not inside.is_set():
        await asyncio.sleep(0.001)
    await starting
    await life.engine.crash()
    go.set()
    await life.storage.close()
    assert paid(path) == []
    async with Open(path, workflows=[runs], clock=clock) as engine:
        await engine.settle()
        assert (await engine.describe("r"))["status"] == "completed"
    assert paid(path) == [("r", "a", 1)]


# ------------------------------------------------------------------ where it cannot be


async def test_a_store_without_transactions_refuses_the_call_and_a_mock_stands_in(path: Path) -> None:
    async with TestEngine(workflows=[pay_twice]) as engine:
        with pytest.raises(RunFailedError) as failed:
            await engine.run(pay_twice, "r")
        assert isinstance(failed.value.__cause__, StorageCapabilityError)
        assert "activity_scheduled" not in [e["type"] for e in await engine.history(failed.value.facts["run_id"])]
        fake = engine.mock(pay).returns(7)
        assert await engine.run(pay_twice, "r") == [7, 7]
        assert fake.call_count == 2
    for wrapped in (ScopedStorage(SQLiteStorage(path), "s"), CompressedStorage(SQLiteStorage(path))):
        assert not wrapped.capabilities.transactions


def test_a_declaration_that_cannot_be_is_refused() -> None:
    async def waits(tx: Transaction) -> None: ...

    for options, fn in (({}, waits), ({"heartbeat_timeout": 1}, lambda_pay), ({"verify": lambda: None}, lambda_pay)):
        with pytest.raises(DefinitionError, match="is a plain function without"):
            activity(transactional=True, **options)(fn)


async def test_the_page_on_transactional_activities_runs(path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "transactions.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    (path.parent / "page.db").unlink(missing_ok=True)
    await load_source("page_on_transactional", "\n\n".join(blocks)).sell(path.parent / "page.db")
    connection = sqlite3.connect(path.parent / "page.db")
    assert connection.execute("SELECT * FROM payments").fetchall() == [("order-1", 30)]
    connection.close()

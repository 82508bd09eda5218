"""Bulk operations: planned, confirmed, carried out once for each run, whatever happens in between."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

import pytest

from tests.engine.invariants import Invariants
from weft_core import BulkPlan, BulkResult, Context, activity, search_attribute, signal, workflow
from weft_core.client import Dispatcher
from weft_core.engine.bulk import runner
from weft_core.errors import (
    BulkConfirmationError,
    BulkDeleteUnfinishedError,
    BulkScopeError,
    EngineClosedError,
    EngineError,
    InvalidInputError,
    LimitExceededError,
    PayloadTooLargeError,
)
from weft_core.model.limits import Limits
from weft_core.ports import Condition, Op
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine, VirtualClock

go = signal("go")


@activity
def touch(value: str) -> str:
    return value


@workflow(signals=["go"])
async def waits(ctx: Context) -> Any:
    first = await ctx.wait_for_signal(go)
    await ctx.sleep("1 day")
    return first


@workflow
async def short(ctx: Context) -> str:
    return await ctx.run(touch, "x")


async def started(engine: TestEngine, many: int, definition: Any = waits, prefix: str = "w") -> None:
    await asyncio.gather(*(engine.start(definition, id=f"{prefix}{i}") for i in range(many)))
    await engine.settle()


async def statuses(engine: TestEngine) -> Counter[str]:
    return Counter(item["status"] for item in (await engine.list(limit=1000)).items)


def engine_on(rows: MemoryStorage, **options: Any) -> TestEngine:
    return TestEngine(workflows=[waits, short], storage=rows, **options)


async def test_a_plan_says_what_would_be_done_and_does_nothing() -> None:
    rows = MemoryStorage()
    async with engine_on(rows) as engine:
        await started(engine, 30)
        await started(engine, 2, short, "s")
        before = rows.rows()
        plan = await engine.bulk_cancel(workflow="waits", status="running", dry_run=True)
        assert rows.rows() == before
        assert (
            isinstance(plan, BulkPlan)
            and plan.matched == 30
            and plan.scope == {"workflow": "waits", "status": "running"}
        )
        assert len(plan.sample_ids) == 10 and set(plan.sample_ids) < {f"w{i}" for i in range(30)}
        done = await engine.bulk_cancel(workflow="waits", status="running", confirm=plan.confirmation_token, by="ann")
        assert isinstance(done, BulkResult) and (done.matched, done.done, done.refused) == (30, 30, {})
        assert await statuses(engine) == {"cancelled": 30, "completed": 2}
        (record,) = (await engine.audit()).items
        assert record["verb"] == "cancel" and record["by"] == "ann" and record["filters"] == plan.scope
        assert (record["matched"], record["done"], record["state"], record["id"]) == (30, 30, "done", done.id)


async def test_a_token_confirms_only_what_was_planned() -> None:
    async with engine_on(MemoryStorage()) as engine:
        await started(engine, 3)
        plan = await engine.bulk_cancel(workflow="waits", dry_run=True, reason="a")
        token = plan.confirmation_token  # type: ignore[union-attr]
        for change, call in (
            ("another verb, other arguments or other filters", engine.bulk_terminate(workflow="waits", confirm=token)),
            ("another verb, other arguments", engine.bulk_cancel(workflow="waits", confirm=token, reason="b")),
            ("other filters", engine.bulk_cancel(workflow="short", confirm=token, reason="a")),
            ("is no confirmation token", engine.bulk_cancel(workflow="waits", confirm="yes", reason="a")),
            ("call it with dry_run=True", engine.bulk_cancel(workflow="waits", reason="a")),
            ("call it with dry_run=True", engine.bulk_cancel(workflow="waits", dry_run=True, confirm=token)),
        ):
            with pytest.raises(BulkConfirmationError, match=change):
                await call
        await started(engine, 1, waits, "new")
        with pytest.raises(BulkConfirmationError, match="3 runs matched then, 4 do now"):
            await engine.bulk_cancel(workflow="waits", confirm=token, reason="a")
        fresh = await engine.bulk_cancel(workflow="waits", dry_run=True)
        await engine.advance_time("11 minutes")
        with pytest.raises(BulkConfirmationError, match="expired"):
            await engine.bulk_cancel(workflow="waits", confirm=fresh.confirmation_token)  # type: ignore[union-attr]
        assert await statuses(engine) == {"running": 4}
        assert (await engine.audit()).items == []


async def test_every_run_of_the_store_is_meant_only_by_those_who_say_so() -> None:
    async with engine_on(MemoryStorage()) as engine:
        await started(engine, 3)
        for filters in (
            {}, {"status": "running"}, {"workflow": None}, {"tags": []}, {"id_prefix": "w"}, {"attributes": {}},
            {"status": ["running"], "created": {"gte": 0}},
        ):  # fmt: skip
            with pytest.raises(BulkScopeError, match="all=True"):
                await engine.bulk_cancel(dry_run=True, **filters)
        plan = await engine.bulk_cancel(dry_run=True, all=True)
        assert plan.matched == 3
        with pytest.raises(InvalidInputError, match="no limit"):
            await engine.bulk_cancel(dry_run=True, workflow="waits", limit=2)


async def test_G19_an_operation_has_a_documented_size_and_goes_in_bounded_batches() -> None:
    """Audit 10 of the original: its bulk verbs have no caps on a batch."""
    largest = 0

    class Weighing(MemoryStorage):
        async def conditional_batch(self, conditions: Sequence[Condition], ops: Sequence[Op]) -> bool:
            nonlocal largest
            largest = max(largest, len(ops))
            return await super().conditional_batch(conditions, ops)

    async with engine_on(Weighing(), limits=Limits(max_bulk=1500)) as engine:
        await started(engine, 1200)
        largest = 0
        plan = await engine.bulk_cancel(workflow="waits", dry_run=True)
        await engine.bulk_cancel(workflow="waits", confirm=plan.confirmation_token)  # type: ignore[union-attr]
        assert await statuses(engine) == {"cancelled": 1000}  # the newest, as the list has them
        assert largest < 64 * 8
        await started(engine, 301, prefix="more")
        with pytest.raises(LimitExceededError, match="bulk_cancel"):
            await engine.bulk_cancel(workflow="waits", dry_run=True)


async def test_what_a_run_refuses_is_counted_and_stops_nothing() -> None:
    async with engine_on(MemoryStorage()) as engine:
        await started(engine, 5)
        await started(engine, 3, short, "s")
        plan = await engine.bulk_cancel(all=True, dry_run=True)
        done = await engine.bulk_cancel(all=True, confirm=plan.confirmation_token)  # type: ignore[union-attr]
        assert (done.done, done.refused) == (5, {"RunFinishedError": 3})


async def test_G7_a_bulk_signal_reaches_each_run_once() -> None:
    async with engine_on(MemoryStorage()) as engine:
        await started(engine, 4)
        how: dict[str, Any] = {"workflow": "waits", "status": "running"}
        plan = await engine.bulk_signal(go, {"n": 1}, dry_run=True, **how)
        done = await engine.bulk_signal(go, {"n": 1}, confirm=plan.confirmation_token, **how)
        assert done.done == 4
        received = [e for e in await engine.history("w0") if e["type"] == "signal_received"]
        assert [e["signal_id"] for e in received] == [f"bulk-{done.id}"]
        plan = await engine.bulk_signal("other", dry_run=True, **how)
        done = await engine.bulk_signal("other", confirm=plan.confirmation_token, **how)
        assert done.refused == {"SignalNotDeclaredError": 4}
        with pytest.raises(PayloadTooLargeError):
            await engine.bulk_signal(go, b"x" * 3_000_000, dry_run=True, **how)
        await engine.advance_time("1 day")
        assert await engine.get_handle("w3").result() == {"n": 1}


async def test_only_finished_runs_are_deleted() -> None:
    rows = MemoryStorage()
    async with engine_on(rows) as engine:
        await started(engine, 3)
        await started(engine, 400, short, "s")
        with pytest.raises(BulkDeleteUnfinishedError, match="3 of the 403"):
            await engine.bulk_delete(all=True, dry_run=True)
        plan = await engine.bulk_delete(workflow="short", dry_run=True)
        done = await engine.bulk_delete(workflow="short", confirm=plan.confirmation_token)  # type: ignore[union-attr]
        assert (done.done, done.refused) == (400, {})
        assert await statuses(engine) == {"running": 3}
        kinds = {key.split("/")[0] for key in rows.rows()}
        assert not kinds & {"bulk", "purging"}
        Invariants().check(rows.rows())


async def test_bulk_resume_and_terminate() -> None:
    async with engine_on(MemoryStorage()) as engine:
        await started(engine, 3)
        await asyncio.gather(*(engine.suspend(f"w{i}") for i in range(3)))
        plan = await engine.bulk_resume(workflow="waits", dry_run=True)
        await engine.bulk_resume(workflow="waits", confirm=plan.confirmation_token)  # type: ignore[union-attr]
        assert await statuses(engine) == {"running": 3}
        plan = await engine.bulk_terminate(workflow="waits", dry_run=True)
        await engine.bulk_terminate(workflow="waits", confirm=plan.confirmation_token)  # type: ignore[union-attr]
        assert await statuses(engine) == {"terminated": 3}


async def test_bulk_tags_and_filters_by_objects() -> None:
    city = search_attribute("city", str)
    async with engine_on(MemoryStorage()) as engine:
        await started(engine, 3)
        await engine.set_attributes("w1", {city: "Bern"})
        how: dict[str, Any] = {"workflow": waits, "attributes": {city: "Bern"}}
        plan = await engine.bulk_tag(add=["b", "a"], dry_run=True, **how)
        assert plan.scope == {"workflow": "waits", "attributes": {"city": "Bern"}}
        done = await engine.bulk_tag(add=["a", "b"], confirm=plan.confirmation_token, **how)
        assert done.done == 1 and (await engine.list(tags=["a", "b"])).items[0]["id"] == "w1"
        plan = await engine.bulk_untag(remove=["a"], tags=["b"], dry_run=True)
        await engine.bulk_untag(remove=["a"], tags=("b",), confirm=plan.confirmation_token)
        assert (await engine.describe("w1"))["tags"] == ["b"]
        with pytest.raises(InvalidInputError):
            await engine.bulk_tag(add="a", dry_run=True, **how)


async def test_nothing_matches_and_that_is_said_and_audited() -> None:
    async with engine_on(MemoryStorage()) as engine:
        plan = await engine.bulk_cancel(workflow="none", dry_run=True)
        done = await engine.bulk_cancel(workflow="none", confirm=plan.confirmation_token)  # type: ignore[union-attr]
        assert (done.matched, done.done) == (0, 0)
        assert [item["state"] for item in (await engine.audit()).items] == ["done"]


async def test_the_audit_is_read_in_pages_newest_first() -> None:
    async with engine_on(MemoryStorage()) as engine:
        for name in ("a", "b", "c"):
            plan = await engine.bulk_cancel(workflow=name, dry_run=True)
            await engine.bulk_cancel(workflow=name, confirm=plan.confirmation_token)  # type: ignore[union-attr]
            await engine.advance_time("1 s")
        first = await engine.audit(limit=2)
        assert [item["filters"]["workflow"] for item in first.items] == ["c", "b"]
        rest = await engine.audit(limit=2, cursor=first.cursor)
        assert [item["filters"]["workflow"] for item in rest.items] == ["a"] and rest.cursor is None


async def test_whoever_waits_is_told_when_the_engine_closes_and_the_operation_goes_on_later() -> None:
    rows = MemoryStorage()
    async with engine_on(rows) as engine:
        await started(engine, 50)
        plan = await engine.bulk_cancel(workflow="waits", dry_run=True)
        confirmed = asyncio.ensure_future(
            engine.bulk_cancel(workflow="waits", confirm=plan.confirmation_token)  # type: ignore[union-attr]
        )
        while not any(key.startswith("bulk/") for key in rows.rows()):
            await asyncio.sleep(0)
    with pytest.raises((EngineClosedError, EngineError)):
        await confirmed
    async with engine_on(rows.reopen()) as engine:
        await engine.settle()
        assert await statuses(engine) == {"cancelled": 50}
        assert [item["state"] for item in (await engine.audit()).items] == ["done"]


@pytest.mark.parametrize("mode", ["before", "after"])
@pytest.mark.parametrize("verb", ["cancel", "signal", "delete"])
async def test_an_operation_that_crashes_at_any_write_is_carried_out_once_or_never(
    verb: str, mode: Literal["before", "after"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_PAGE", 3)
    monkeypatch.setattr(runner, "_ABREAST", 2)
    whole, clock = MemoryStorage(), VirtualClock()
    definition = short if verb == "delete" else waits
    async with engine_on(whole, clock=clock) as engine:
        await started(engine, 7, definition)
        await started(engine, 1, waits, "other")

    async def bulk(engine: TestEngine, **how: Any) -> Any:
        if verb == "signal":
            return await engine.bulk_signal(go, "on", workflow=definition.name, status="running", **how)
        if verb == "cancel":
            return await engine.bulk_cancel(workflow=definition.name, **how)
        return await engine.bulk_delete(workflow=definition.name, **how)

    for crash_at in range(1, 60):
        rows = MemoryStorage()
        await rows.batch(list(whole.rows().items()))
        invariants = Invariants(purges=True)
        storage = CrashingStorage(rows.reopen())
        engine = engine_on(storage, clock=clock)  # type: ignore[arg-type]
        await engine.open()
        await engine.settle()
        plan = await bulk(engine, dry_run=True)
        storage.crash_in(crash_at, mode)
        try:
            await bulk(engine, confirm=plan.confirmation_token)
        except SimulatedCrash:
            pass
        finally:
            await engine.crash()
        invariants.check(rows.rows())
        stored = any(key.startswith("audit/") for key in rows.rows())
        async with engine_on(rows.reopen(), clock=clock) as again:
            await again.settle()
            view = invariants.check(rows.rows())
            assert not view.kinds["bulk"]
            assert [item["state"] for item in (await again.audit()).items] == (["done"] if stored else [])
            if verb == "delete":
                assert len([r for r in view.runs if r.startswith("w")]) == (0 if stored else 7)
            elif verb == "cancel":
                ended = [r for r, h in view.runs.items() if h["status"] == "cancelled"]
                assert len(ended) == (8 if stored else 0)
            else:
                received = Counter(
                    run_id for run_id in view.runs for _, kind, _ in view.events[run_id] if kind == "signal_received"
                )
                assert set(received.values()) == ({1} if stored else set())
                assert len(received) == (8 if stored else 0)
        if not storage.dead:
            assert crash_at > 5
            return
    raise AssertionError("no end")


async def test_over_the_wire() -> None:
    async with engine_on(MemoryStorage()) as engine:
        await started(engine, 2)
        await started(engine, 1, short, "s")

        async def call(method: str, **params: Any) -> Any:
            answer = json.loads(await Dispatcher(engine).call(method, json.dumps(params)))
            return answer.get("ok", answer.get("error", {}).get("code"))

        assert await call("purge", id="w0") == "RunNotFinishedError"
        assert await call("purge", id="s0") is None
        plan = await call("bulk_signal", signal="go", payload=1, workflow="waits", dry_run=True)
        done = await call("bulk_signal", signal="go", payload=1, workflow="waits", confirm=plan["confirmation_token"])
        assert plan["matched"] == done["done"] == 2
        assert (await call("audit", limit=5))["items"][0]["verb"] == "signal"
        assert await call("bulk_cancel", dry_run=True) == "BulkScopeError"
        assert await call("bulk_cancel", workflow="waits", confirm="x") == "BulkConfirmationError"

"""Schedules: due on time, none lost, none started twice; what is missed is told."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.engine.invariants import Invariants
from weft_browser.build import names_time_zones
from weft_core import Context, activity, load_source, schedule, workflow
from weft_core.errors import (
    EngineFencedError,
    InvalidInputError,
    LimitExceededError,
    RunCancelledError,
    ScheduleExistsError,
    ScheduleNotFoundError,
    WorkflowNotRegisteredError,
)
from weft_core.machine.schedules import read_schedule, write_schedule
from weft_core.machine.sealed import seal_plain
from weft_core.model import keys
from weft_core.model.events import ScheduleFired, ScheduleMissed
from weft_core.storage import MemoryStorage
from weft_core.testing import Chaos, CrashingStorage, SimulatedCrash, TestEngine, VirtualClock

START = datetime(2026, 1, 1, tzinfo=UTC)
effects: Counter[str] = Counter()


@activity
async def send(text: str) -> str:
    effects[text] += 1
    return text


@workflow
async def report(ctx: Context, name: str = "report") -> str:
    return await ctx.run(send, f"{name} {ctx.id}")


@workflow
async def slow(ctx: Context, minutes: int) -> int:
    """Takes so many minutes; a cancel takes it half a minute more."""
    await ctx.run(send, ctx.id)
    try:
        await ctx.sleep(minutes * 60)
    finally:
        await ctx.sleep(30)
    return minutes


@pytest.fixture(autouse=True)
def _forget() -> None:
    effects.clear()


async def run_ids(engine: TestEngine) -> list[str]:
    """Oldest first, without the schedule's name."""
    return [item["id"].partition(":")[2] for item in reversed((await engine.list(limit=1000)).items)]


def events(description: dict[str, Any]) -> list[str]:
    return [event["type"].removeprefix("schedule_") for event in description["recent"]]


async def check(engine: TestEngine) -> None:
    assert isinstance(engine.storage, MemoryStorage)
    Invariants().check(engine.storage.rows())


# -- times


async def test_a_cron_schedule_starts_a_run_at_each_of_its_times_in_its_time_zone() -> None:
    nightly = schedule("nightly", workflow=report, cron="0 3 * * *", timezone="Europe/Zurich", input=("nightly",))
    async with TestEngine(schedules=[nightly]) as engine:
        await engine.advance_time("2 days")
        assert await run_ids(engine) == ["2026-01-01T02:00:00Z", "2026-01-02T02:00:00Z"]
        assert effects == {f"nightly nightly:{at}": 1 for at in await run_ids(engine)}
        found = await engine.get_schedule("nightly").describe()
        assert (found["fires"], found["status"], found["missed"]) == (2, "active", 0)
        assert found["upcoming"][0] == found["next_at"] == int(datetime(2026, 1, 3, 2, tzinfo=UTC).timestamp() * 1000)
        assert events(found) == ["created", "fired", "fired"]
        await check(engine)


async def test_each_time_of_a_year_of_clock_changes_is_started_once() -> None:
    daily = schedule("daily", workflow=report, cron="30 2 * * *", timezone="Europe/Zurich", overlap="allow")
    async with TestEngine(schedules=[daily]) as engine:
        await engine.advance_time("365 days")
        ids = await run_ids(engine)
        assert len(ids) == len(set(ids)) == 365
        assert "2026-03-29T01:00:00Z" in ids  # 02:30 does not exist: 03:00 summer time
        assert [i for i in ids if i.startswith("2026-10-25")] == ["2026-10-25T00:30:00Z"]


async def test_intervals_do_not_drift_over_downtime() -> None:
    async with TestEngine(workflows=[report]) as engine:
        await engine.advance_time(7)
        await engine.schedule(report, id="i", every="15 minutes", catch_up=0)
        await engine.advance_time("1 hour")
        await engine.crash()
        engine.use_storage_again()
        engine.clock.advance_to(engine.clock.now_ms() + 50 * 60_000 + 1234)
        await engine.open()
        await engine.advance_time("30 minutes")
        assert {i.rpartition("T")[2][3:] for i in await run_ids(engine)} == {"15:07Z", "30:07Z", "45:07Z", "00:07Z"}
        assert (await engine.describe_schedule("i"))["missed"] == 3
        await check(engine)


async def test_start_end_anchor_and_limit_bound_the_times() -> None:
    async with TestEngine(workflows=[report]) as engine:
        day = START + timedelta(days=1)
        await engine.schedule(report, id="a", every="6 hours", start_at=day, end_at=day + timedelta(hours=12))
        await engine.schedule(report, id="b", every="12 hours", anchor=START + timedelta(hours=1), limit=2)
        await engine.advance_time("5 days")
        ids = [item["id"] for item in reversed((await engine.list()).items)]
        assert ids == [
            "b:2026-01-01T01:00:00Z", "b:2026-01-01T13:00:00Z", "a:2026-01-02T00:00:00Z", "a:2026-01-02T06:00:00Z",
        ]  # fmt: skip
        assert {(await engine.describe_schedule(s))["status"] for s in "ab"} == {"finished"}
        assert not [key for key in engine.storage.rows() if key.startswith("timer/")]  # type: ignore[attr-defined]


async def test_jitter_delays_by_less_than_asked_the_same_for_the_same_time_and_never_past_the_next() -> None:
    async with TestEngine(workflows=[report]) as engine:
        late: list[int] = []
        engine.subscribe(lambda event: late.append(event.late_ms), types=[ScheduleFired])
        await engine.schedule(report, id="j", cron="0 * * * *", jitter="10 minutes", overlap="allow")
        await engine.advance_time("2 days")
        assert len(late) == 47 and len(set(late)) > 40  # the last one is still to come
        assert 0 <= min(late) < 120_000 and 480_000 < max(late) < 600_000
        await engine.schedule(report, id="k", every=1, jitter="1 hour", limit=50)
        await engine.advance_time("60s")
        ids = [i["id"] for i in (await engine.list(limit=500)).items if i["id"].startswith("k:")]
        assert len(ids) == len(set(ids)) == 50
        await check(engine)


# -- missed (audit 30)


async def test_audit_30_times_that_passed_while_nothing_ran_are_counted_and_told_not_dropped() -> None:
    async with TestEngine(workflows=[report]) as engine:
        await engine.schedule(report, id="h", cron="0 * * * *")
        await engine.advance_time("2 hours")
        await engine.crash()
        engine.use_storage_again()
        engine.clock.advance_to(engine.clock.now_ms() + 5 * 3_600_000 + 30_000)  # half a minute after the last of them
        heard: list[ScheduleMissed] = []
        engine.subscribe(heard.append, types=[ScheduleMissed])
        await engine.open()
        await engine.settle()
        found = await engine.describe_schedule("h")
        assert (found["missed"], found["fires"]) == (4, 3)  # the last is made up: it is within catch_up
        missed = next(e for e in found["recent"] if e["type"] == "schedule_missed")
        assert missed["count"] == 4 and missed["last"] == found["last_missed_at"]
        assert missed["first"] == int((START + timedelta(hours=3)).timestamp() * 1000)
        assert [(e.schedule, e.count, e.run_id) for e in heard] == [("h", 4, "")]
        assert await run_ids(engine) == ["2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z", "2026-01-01T07:00:00Z"]
        await check(engine)


async def test_backfill_starts_every_time_that_was_missed() -> None:
    async with TestEngine(workflows=[report]) as engine:
        await engine.schedule(report, id="h", cron="0 * * * *", backfill=True, overlap="allow")
        await engine.crash()
        engine.use_storage_again()
        engine.clock.advance_to(engine.clock.now_ms() + 10 * 3_600_000)
        await engine.open()
        await engine.settle()
        found = await engine.describe_schedule("h")
        assert (found["missed"], found["fires"], len(effects)) == (0, 10, 10)


@pytest.mark.parametrize("when", [{"cron": "* * * * *"}, {"every": 1, "jitter": 0.5}])
async def test_a_year_of_missed_times_is_counted_without_holding_up_other_runs(when: dict[str, Any]) -> None:
    async with TestEngine(workflows=[report, slow]) as engine:
        await engine.schedule(report, id="m", end_at=START + timedelta(days=4), **when)
        await engine.crash()
        engine.use_storage_again()
        engine.clock.advance_to(engine.clock.now_ms() + 366 * 86_400_000)
        await engine.open()
        assert await (await engine.start(report)).result()
        await engine.settle()
        found = await engine.describe_schedule("m")
        times = 4 * 24 * 60 - 1 if "cron" in when else 4 * 24 * 3600 - 1
        assert (found["missed"], found["fires"], found["status"]) == (times, 0, "finished")
        await check(engine)


# -- overlap


async def test_skip_leaves_out_what_comes_while_a_run_is_unfinished_and_says_so() -> None:
    async with TestEngine(workflows=[slow]) as engine:
        await engine.schedule(slow, 90, id="s", cron="0 * * * *")
        await engine.advance_time("5 hours")
        assert await run_ids(engine) == ["2026-01-01T01:00:00Z", "2026-01-01T03:00:00Z", "2026-01-01T05:00:00Z"]
        found = await engine.describe_schedule("s")
        assert (found["fires"], found["skipped"]) == (3, 2)
        skipped = next(e for e in found["recent"] if e["type"] == "schedule_skipped")
        assert "01:00:00Z is unfinished" in skipped["reason"]


async def test_queue_starts_one_when_the_run_before_it_ends() -> None:
    async with TestEngine(workflows=[slow]) as engine:
        await engine.schedule(slow, 150, id="q", cron="0 * * * *", overlap="queue")
        await engine.advance_time("4 hours")
        items = list(reversed((await engine.list()).items))
        assert [i["id"] for i in items] == ["q:2026-01-01T01:00:00Z", "q:2026-01-01T02:00:00Z"]
        assert items[1]["created_at"] == items[0]["finished_at"]
        found = await engine.describe_schedule("q")
        assert (found["skipped"], len(found["queued"])) == (1, 1)
        assert events(found) == ["created", "fired", "queued", "skipped", "fired", "queued"]


async def test_cancel_running_starts_the_next_run_after_the_old_one_has_cleaned_up() -> None:
    async with TestEngine(workflows=[slow]) as engine:
        await engine.schedule(slow, 600, id="c", cron="0 * * * *", overlap="cancel_running")
        await engine.advance_time("2 hours 5 minutes")
        first, second = reversed((await engine.list()).items)
        assert (first["status"], second["status"]) == ("cancelled", "running")
        assert second["created_at"] == first["finished_at"] == first["created_at"] + 3_630_000
        with pytest.raises(RunCancelledError, match="its schedule"):
            await engine.get_handle(first["id"]).result()


async def test_allow_starts_beside_what_runs() -> None:
    async with TestEngine(workflows=[slow]) as engine:
        await engine.schedule(slow, 600, id="a", cron="0 * * * *", overlap="allow")
        await engine.advance_time("4 hours")
        assert [i["status"] for i in (await engine.list()).items] == ["running"] * 4


# -- verbs


async def test_pause_stops_the_times_and_resume_goes_on_with_the_next_one() -> None:
    async with TestEngine(workflows=[report]) as engine:
        handle = await engine.schedule(report, id="p", cron="0 * * * *")
        await engine.advance_time("90 minutes")
        await handle.pause("maintenance")
        assert (await handle.describe())["pause_reason"] == "maintenance"
        await check(engine)
        await engine.crash_and_recover()
        await engine.advance_time("3 hours")
        assert len(await run_ids(engine)) == 1
        await handle.resume()
        await handle.resume()
        await engine.advance_time("1 hour")
        assert await run_ids(engine) == ["2026-01-01T01:00:00Z", "2026-01-01T05:00:00Z"]
        assert events(await handle.describe()) == ["created", "fired", "paused", "resumed", "fired"]
        await check(engine)


async def test_trigger_starts_a_run_now_also_of_a_paused_schedule_and_the_next_time_sees_it() -> None:
    async with TestEngine(workflows=[slow]) as engine:
        handle = await engine.schedule(slow, 90, id="t", cron="0 * * * *", paused=True)
        await handle.trigger()
        run = await handle.trigger()
        assert run.id == "t:2026-01-01T00:00:00Z+2"
        assert (await engine.header(run.id)).lineage == {"schedule": "t"}
        await handle.resume()
        await engine.advance_time("100 minutes")
        found = await handle.describe()
        assert (found["triggered"], found["fires"], found["skipped"]) == (2, 0, 1)
        assert await run.result() == 90


async def test_update_changes_the_times_and_the_input_and_keeps_the_counters() -> None:
    async with TestEngine(workflows=[report]) as engine:
        handle = await engine.schedule(report, "old", id="u", cron="0 * * * *")
        await engine.advance_time("90 minutes")
        await handle.update(every="1 day", input=("new",), description="daily")
        await check(engine)
        await engine.advance_time("1 day")
        assert sorted(effects) == ["new u:2026-01-02T00:00:00Z", "old u:2026-01-01T01:00:00Z"]
        found = await handle.describe()
        assert (found["fires"], found["cron"], found["every_ms"]) == (2, None, 86_400_000)
        before = found["next_at"]
        await handle.update(overlap="allow")
        assert (await handle.describe())["next_at"] == before


async def test_delete_leaves_nothing_of_the_schedule_and_its_runs_go_on() -> None:
    async with TestEngine(workflows=[slow]) as engine:
        handle = await engine.schedule(slow, 90, id="d", cron="0 * * * *", overlap="queue")
        await engine.advance_time("2 hours")
        await handle.delete()
        rows = engine.storage.rows()  # type: ignore[attr-defined]
        assert not [key for key in rows if key.startswith(("schedule/", "slog/")) or "//" in key]
        await engine.advance_time("5 hours")
        assert [i["status"] for i in (await engine.list()).items] == ["completed"]
        for verb in (handle.describe, handle.pause, handle.resume, handle.trigger, handle.delete, handle.update):
            with pytest.raises(ScheduleNotFoundError):
                await verb()


async def test_backfilling_a_span_starts_what_has_no_run_and_doing_it_again_starts_nothing() -> None:
    async with TestEngine(workflows=[report]) as engine:
        handle = await engine.schedule(report, id="b", cron="0 * * * *")
        await engine.advance_time("2 hours")
        span = (START - timedelta(hours=2), START + timedelta(hours=2))
        ids = await handle.backfill(*span)
        assert [i.partition("T")[2] for i in ids] == ["22:00:00Z", "23:00:00Z", "00:00:00Z", "01:00:00Z"]
        assert await handle.backfill(*span) == ids
        await engine.settle()
        assert set(effects.values()) == {1} and len(effects) == 5
        with pytest.raises(LimitExceededError):
            await handle.backfill(START, START + timedelta(days=1000))


async def test_backfilling_in_a_queue_runs_one_after_the_other() -> None:
    async with TestEngine(workflows=[slow]) as engine:
        handle = await engine.schedule(slow, 1, id="b", cron="0 0 * * *", overlap="allow")
        await handle.backfill(START - timedelta(days=3), START, overlap="queue")
        await engine.advance_time("2 minutes")
        await engine.crash_and_recover()
        await engine.advance_time("3 minutes")
        items = list(reversed((await engine.list()).items))
        assert [i["status"] for i in items] == ["completed"] * 3
        assert all(b["created_at"] == a["finished_at"] for a, b in zip(items, items[1:]))


# -- declaring


async def test_declaring_again_changes_nothing_and_declaring_anew_updates() -> None:
    storage, clock = MemoryStorage(), VirtualClock()

    async def opened(**options: Any) -> dict[str, Any]:
        declared = schedule("d", workflow=report, input=("x",), **options)
        async with TestEngine(schedules=[declared], storage=storage.reopen(), clock=clock) as engine:
            await engine.advance_time("1 hour")
            return await engine.describe_schedule("d")

    assert events(await opened(every="2 hours")) == ["created"]
    assert events(await opened(every="2 hours")) == ["created", "fired"]
    assert events(await opened(every="1 hour")) == ["created", "fired", "updated", "fired"]


async def test_an_id_that_says_something_else_is_refused_and_the_same_is_the_same() -> None:
    async with TestEngine(workflows=[report]) as engine:
        await engine.schedule(report, id="x", every=60)
        writes = len(engine.storage.rows())  # type: ignore[attr-defined]
        assert (await engine.schedule(report, id="x", every=60)).id == "x"
        assert len(engine.storage.rows()) == writes  # type: ignore[attr-defined]
        with pytest.raises(ScheduleExistsError):
            await engine.schedule(report, id="x", every=61)
        first, second = await engine.schedule(report, every=60), await engine.schedule(report, every=60)
        assert first.id != second.id


@pytest.mark.parametrize(
    "options",
    [
        {}, {"cron": "* * * * *", "every": 5}, {"every": 0.5}, {"every": -1}, {"cron": "no"}, {"cron": 5},
        {"cron": "@daily", "timezone": "Mars/Olympus"}, {"every": 60, "overlap": "maybe"}, {"every": 60, "overlap": []},
        {"every": 60, "limit": 0}, {"every": 60, "limit": "1"}, {"every": 60, "jitter": "soon"},
        {"every": 60, "tags": "a"},
        {"every": 60, "start_at": START, "end_at": START}, {"every": 60, "end_at": START - timedelta(days=1)},
        {"every": 60, "start_at": datetime(2026, 1, 1)}, {"every": 60, "colour": "red"}, {"every": 60, "id": "a/b"},
        {"every": 60, "id": "i" * 250}, {"every": 60, "description": 1},
    ],
)  # fmt: skip
async def test_G19_what_cannot_be_kept_is_refused_before_anything_is_written(options: dict[str, Any]) -> None:
    async with TestEngine(workflows=[report]) as engine:
        rows = dict(engine.storage.rows())  # type: ignore[attr-defined]
        with pytest.raises((InvalidInputError, LimitExceededError)):
            await engine.schedule(report, **options)
        with pytest.raises(InvalidInputError):
            await engine.schedule(report, 1, 2, 3, every=60)
        with pytest.raises(WorkflowNotRegisteredError):
            await engine.schedule("nobody", every=60)
        assert engine.storage.rows() == rows  # type: ignore[attr-defined]


async def test_schedules_are_listed_page_by_page() -> None:
    async with TestEngine(workflows=[report]) as engine:
        for name in "abcde":
            await engine.schedule(report, id=name, every=60)
        first = await engine.list_schedules(limit=3)
        rest = await engine.list_schedules(limit=3, cursor=first.cursor)
        assert [i["id"] for i in first.items + rest.items] == list("abcde")
        assert rest.cursor is None


# -- durability


class Life:
    """Three hours of a schedule whose runs overlap, through a crash at one write."""

    def __init__(self, crash_at: int, mode: Literal["before", "after"], overlap: Any) -> None:
        self.rows, self.clock = MemoryStorage(), VirtualClock()
        self.crash_at, self.mode, self.crashes, self.writes = crash_at, mode, 0, 0
        self.declared = schedule("s", workflow=slow, input=(80,), cron="0 * * * *", overlap=overlap)

    async def live(self) -> tuple[list[tuple[str, str]], dict[str, Any]]:
        while True:
            storage = CrashingStorage(self.rows.reopen(), None if self.crashes else self.crash_at, self.mode)
            engine = TestEngine(schedules=[self.declared], storage=storage, clock=self.clock)
            try:
                await engine.open()
                await engine.settle()
                until = int((START + timedelta(hours=3, minutes=10)).timestamp() * 1000)
                while not storage.dead and (deadline := self.clock.next_deadline()) is not None and deadline <= until:
                    self.clock.advance_to(deadline)
                    await engine.settle()
                if storage.dead:
                    raise SimulatedCrash
                runs = [(i["id"], i["status"]) for i in reversed((await engine.list()).items)]
                found = await engine.describe_schedule("s")
                kept = ("fires", "missed", "skipped", "failed", "next_at", "last_run", "queued", "running")
                return runs, {name: found[name] for name in kept}
            except SimulatedCrash:
                self.crashes += 1
            finally:
                self.writes = storage.writes
                await engine.crash()
                Invariants().check(self.rows.rows())


@pytest.mark.parametrize("mode", ["before", "after"])
@pytest.mark.parametrize("overlap", ["skip", "queue", "cancel_running", "allow"])
async def test_G1_G4_no_time_is_lost_or_started_twice_by_a_crash_at_any_write(overlap: str, mode: Any) -> None:
    plain = Life(0, mode, overlap)
    expected = await plain.live()
    assert len(expected[0]) >= 2 and plain.writes > 8
    for crash_at in range(1, plain.writes + 1):
        effects.clear()
        life = Life(crash_at, mode, overlap)
        assert await life.live() == expected, crash_at
        assert life.crashes == 1
        assert set(effects) == {run_id for run_id, _ in expected[0]}
        assert sum(effects.values()) <= len(effects) + 1, crash_at  # the attempt in flight


async def test_audit_08_a_schedule_and_its_timer_are_written_in_one_batch() -> None:
    storage = CrashingStorage(MemoryStorage(), record=True)
    async with TestEngine(workflows=[report], storage=storage) as engine:
        await engine.schedule(report, id="s", every=60)
        await engine.advance_time(60)
    with_schedule = [{key.partition("/")[0] for key, _ in ops} for ops in storage.recorded]
    with_schedule = [kinds for kinds in with_schedule if "schedule" in kinds]
    assert len(with_schedule) == 2
    assert {"schedule", "timer", "slog"} <= with_schedule[0]
    assert {"schedule", "timer", "slog", "run", "ckpt", "log", "by-time"} <= with_schedule[1]  # and its first turn


async def test_G11_of_two_engines_only_the_owner_starts_runs() -> None:
    rows, clock = MemoryStorage(), VirtualClock()
    old = TestEngine(workflows=[report], storage=rows.reopen(), clock=clock)
    await old.open()
    await old.schedule(report, id="s", every=60)
    new = TestEngine(workflows=[report], storage=rows.reopen(), clock=clock)
    async with new:
        clock.advance_to(clock.now_ms() + 60_000)
        await asyncio.gather(old.settle(), new.settle())
        assert len((await new.list()).items) == 1 and set(effects.values()) == {1}
        assert old.status == "fenced"
        with pytest.raises(EngineFencedError):
            await old.pause_schedule("s")
    await old.crash()


async def test_G12_recovering_twice_changes_nothing() -> None:
    async with TestEngine(workflows=[slow]) as engine:
        await engine.schedule(slow, 90, id="s", cron="0 * * * *", overlap="queue")
        await engine.advance_time("2 hours")

        def rows() -> dict[str, bytes]:
            assert isinstance(engine.storage, MemoryStorage)
            return {k: v for k, v in engine.storage.rows().items() if not k.startswith(("meta/", "code/"))}

        await engine.crash_and_recover()
        once = rows()
        await engine.crash_and_recover()
        assert rows() == once


async def test_a_verb_that_nobody_waits_for_any_more_still_goes_to_its_end() -> None:
    async with TestEngine(workflows=[report]) as engine:
        handle = await engine.schedule(report, id="s", every=60)
        task = asyncio.create_task(handle.pause("x"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(handle.update(description="d"), task, return_exceptions=True)
        found = await handle.describe()
        assert (found["status"], found["description"]) == ("paused", "d")
        await check(engine)


# -- what goes wrong


async def test_a_time_whose_workflow_is_not_registered_is_recorded_as_failed_and_the_schedule_goes_on() -> None:
    rows, clock = MemoryStorage(), VirtualClock()
    async with TestEngine(workflows=[report], storage=rows.reopen(), clock=clock) as engine:
        await engine.schedule(report, id="s", cron="0 * * * *")
    async with TestEngine(workflows=[slow], storage=rows.reopen(), clock=clock) as engine:
        await engine.advance_time("2 hours")
        found = await engine.describe_schedule("s")
        assert (found["failed"], found["fires"], found["status"]) == (2, 0, "active")
        assert found["last_error"]["code"] == "WorkflowNotRegisteredError"
        with pytest.raises(WorkflowNotRegisteredError):
            await engine.trigger_schedule("s")
        engine.register(report)
        await engine.advance_time("1 hour")
        assert (await engine.describe_schedule("s"))["fires"] == 1
        await check(engine)


async def test_G18_a_damaged_record_is_left_alone_and_other_schedules_go_on() -> None:
    async with TestEngine(workflows=[report]) as engine:
        await engine.schedule(report, id="bad", every=60)
        await engine.schedule(report, id="good", every=60)
        whole = await engine.storage.get(keys.schedule("bad"))
        assert whole is not None
        await engine.storage.put(keys.schedule("bad"), whole[:-1] + b"?")
        await engine.advance_time("2 minutes")
        await engine.crash_and_recover()
        await engine.advance_time("1 minute")
        assert (await engine.describe_schedule("good"))["fires"] == 3
        states = {i["id"]: (i["status"], i["last_error"] and i["last_error"]["code"]) for i in
                  (await engine.list_schedules()).items}  # fmt: skip
        assert states == {"bad": ("broken", "CorruptRecordError"), "good": ("active", None)}
        await engine.storage.put(keys.schedule("bad"), whole)  # from a backup
        await engine.crash_and_recover()
        found = await engine.describe_schedule("bad")
        assert (found["missed"], found["fires"]) == (1, 2)  # two of the three are within catch_up
        await check(engine)
        await engine.storage.put(keys.schedule("bad"), b"?")
        await engine.delete_schedule("bad")
        await engine.advance_time("2 minutes")
        await check(engine)


async def test_G15_a_schedule_whose_time_zone_is_gone_stops_and_starts_again_when_it_is_back() -> None:
    async with TestEngine(workflows=[report]) as engine:
        await engine.schedule(report, id="s", cron="0 * * * *", timezone="Asia/Kathmandu")
        await engine.schedule(report, id="t", cron="0 * * * *")
        await engine.advance_time("90 minutes")

        async def move_to(zone: str) -> None:
            data = await engine.storage.get(keys.schedule("s"))
            assert data is not None
            record = read_schedule("s", data)
            record.spec = dataclasses.replace(record.spec, timezone=zone)
            await engine.storage.batch([write_schedule(record)])

        await move_to("Mars/Olympus")
        await engine.advance_time("1 hour")
        found = await engine.describe_schedule("s")
        assert (found["status"], found["last_error"]["code"]) == ("stopped", "InvalidInputError")
        await engine.crash_and_recover()
        await engine.advance_time("1 hour")
        assert (await engine.describe_schedule("t"))["fires"] == 3
        await move_to("Asia/Kathmandu")
        await engine.crash_and_recover()
        await engine.advance_time("1 hour")
        found = await engine.describe_schedule("s")
        assert (found["status"], found["fires"], found["failed"], found["missed"]) == ("active", 3, 1, 1)
        await check(engine)


async def test_a_run_that_has_the_id_of_a_time_is_not_started_again() -> None:
    async with TestEngine(workflows=[report]) as engine:
        await engine.start(report, id="s:2026-01-01T01:00:00Z")
        await engine.schedule(report, id="s", cron="0 * * * *")
        await engine.advance_time("2 hours")
        found = await engine.describe_schedule("s")
        assert (found["skipped"], found["fires"]) == (1, 1)
        assert set(effects.values()) == {1}


async def test_a_schedule_keeps_the_last_hundred_entries_of_its_log() -> None:
    async with TestEngine(workflows=[report]) as engine:
        await engine.schedule(report, id="s", every=60)
        await engine.advance_time("4 hours")
        await check(engine)
        kept = await engine.storage.scan(keys.schedule_log_prefix("s"), limit=1000)
        assert len(kept) == 100


async def test_ids_that_look_like_other_keys_do_no_harm() -> None:
    async with TestEngine(workflows=[report]) as engine:
        for name in ("1.2", "s:x", "..", "0", "timer"):
            await engine.schedule(report, id=name, every=60)
        await engine.start(report, id="1.2")
        await engine.advance_time("1 minute")
        assert len((await engine.list()).items) == 6
        await check(engine)


async def test_the_snippet_of_the_page_on_schedules_runs() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "schedules.md").read_text("utf-8")
    snippet = load_source("page_schedules", page.split("```python\n")[1].split("```")[0])
    snippet.Engine = lambda storage, schedules: TestEngine(storage=storage, schedules=schedules)
    await snippet.main(MemoryStorage())


async def test_a_timer_that_fires_twice_starts_one_run() -> None:
    chaos = Chaos(duplicate_delivery=1.0)
    async with TestEngine(workflows=[report], chaos=chaos) as engine:
        await engine.schedule(report, id="s", every=60)
        await engine.advance_time("5 minutes")
        assert len(effects) == 5 and set(effects.values()) == {1}
        assert (await engine.describe_schedule("s"))["fires"] == 5


async def test_a_time_that_waits_for_its_jitter_is_told_as_missed_when_the_times_change() -> None:
    async with TestEngine(workflows=[report]) as engine:
        handle = await engine.schedule(report, id="s", cron="0 * * * *", jitter="50 minutes")
        await engine.advance_time("1 hour 1 second")
        before = await handle.describe()
        assert before["fires"] == 0 and before["next_at"] < engine.clock.now_ms()
        await handle.update(description="nothing of its times")
        assert (await handle.describe())["next_at"] == before["next_at"]
        await handle.pause()
        found = await handle.describe()
        assert (found["missed"], found["last_missed_at"]) == (1, before["next_at"])
        await check(engine)


async def test_a_time_that_comes_while_others_are_queued_goes_behind_them() -> None:
    async with TestEngine(workflows=[slow]) as engine:
        handle = await engine.schedule(slow, 20, id="q", cron="0 * * * *", overlap="queue")
        await handle.backfill(START - timedelta(hours=4), START, overlap="queue")
        await engine.advance_time("3 hours")
        ids = await run_ids(engine)
        assert ids[:4] == [f"2025-12-31T{hour}:00:00Z" for hour in (20, 21, 22, 23)]
        assert ids[4:] == ["2026-01-01T02:00:00Z", "2026-01-01T03:00:00Z"]  # 01:00 found the queue full
        assert (await handle.describe())["skipped"] == 1


async def test_runs_carry_the_tags_of_their_schedule_and_name_it() -> None:
    async with TestEngine(workflows=[report]) as engine:
        await engine.schedule(report, id="s", every=60, tags=["b", "a"])
        await engine.advance_time(60)
        header = await engine.header("s:2026-01-01T00:01:00Z")
        assert (header.tags, header.lineage) == (["a", "b"], {"schedule": "s"})


async def test_a_purge_that_looks_through_the_indexes_leaves_the_timers_of_schedules() -> None:
    async with TestEngine(workflows=[report]) as engine:
        await engine.schedule(report, id="x", every=60)
        await engine.start(report, id="s:x")
        await engine.settle()
        await engine.storage.put(keys.run("s:x"), b"damaged")
        await engine.purge("s:x", force=True)
        await check(engine)
        await engine.advance_time(60)
        assert (await engine.describe_schedule("x"))["fires"] == 1


@pytest.mark.parametrize(
    "message",
    [
        ["fly", "s", None], ["pause", "s", 5], ["resume", "nobody", None], ["create", "t", None],
        ["create", "t", {1: 2}], ["create", "t", {"workflow": "report", "every": 60, "input": 5}],
        ["create", "a/b", {"workflow": "report", "every": 9}],
        ["create", "t", {"workflow": "report", "every": 60, "tags": 5}], ["create", "t", {"workflow": 7, "every": 60}],
    ],
)  # fmt: skip
async def test_G19_nonsense_that_was_left_for_a_schedule_is_removed_and_changes_nothing(message: list[Any]) -> None:
    async with TestEngine(workflows=[report]) as engine:
        await engine.schedule(report, id="s", every=60)
        before = await engine.list_schedules()
        await engine.crash()
        engine.use_storage_again()
        key = keys.inbox("m")
        await engine.storage.put(key, seal_plain(key, ["schedule", *message]))
        await engine.open()
        await engine.settle()
        assert await engine.list_schedules() == before
        assert not await engine.storage.scan("inbox/")


def test_the_browser_bundle_has_time_zones_where_a_schedule_names_one() -> None:
    assert names_time_zones(b'schedule("s", workflow=w, cron="@daily", timezone="Europe/Zurich")')
    assert names_time_zones(b"from zoneinfo import ZoneInfo")
    assert not names_time_zones(b'schedule("s", workflow=w, cron="@daily")')
    assert not names_time_zones(b"from datetime import timezone")

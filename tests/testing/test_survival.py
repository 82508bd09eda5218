"""assert_survives_every_crash finds what a crash changes, says which crash, and finds nothing where nothing is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.testing import bakery
from weft_core import Context, WorkflowHandle, workflow
from weft_core.engine.commit import Committer
from weft_core.errors import RunFailedError, RunFinishedError, RunStuckError
from weft_core.ports import Op
from weft_core.testing import DidNotSurvive, TestEngine, assert_survives_every_crash
from weft_core.workflow.attempt import ActivityInfo

RESULT = {"amount": 12, "delivered": "plum cake at Main St", "extra": "small cake"}
PAY = [(bakery.paid, 12)]


async def test_G1_G2_G4_G12_a_workflow_is_crashed_before_and_after_each_of_its_writes() -> None:
    report = await assert_survives_every_crash(bakery.order, "plum", drive=PAY, reset=bakery.forget)
    assert report.result == RESULT
    assert report.writes > 7
    assert report.crashes == 2 * report.writes
    assert report.repeated_attempts >= 3  # each activity, when the crash came after its attempt was recorded as begun


async def test_the_world_may_be_a_function_that_is_called_again_after_a_crash() -> None:
    async def drive(engine: TestEngine, handle: WorkflowHandle) -> None:
        await engine.advance_to(engine.now.replace(day=2, hour=12))
        await handle.signal(bakery.paid, 12, signal_id="the payment")

    report = await assert_survives_every_crash(bakery.order, "plum", drive=drive)
    assert report.result == RESULT


async def test_a_script_lets_time_pass_between_signals_counted_from_the_start() -> None:
    late = await assert_survives_every_crash(bakery.waits_for_ever, drive=["1 day", "12 hours", (bakery.paid, "late")])
    assert late.result == "late"
    with pytest.raises(DidNotSurvive, match="wrong without any crash"):
        await assert_survives_every_crash(bakery.order, "plum", drive=PAY, check=lambda result: result == "other")


async def test_an_error_is_a_result_like_any_other() -> None:
    report = await assert_survives_every_crash(bakery.broken)
    assert isinstance(report.result, RunFailedError)
    assert isinstance(report.result.__cause__, bakery.OvenBroken)


async def test_it_finds_that_a_crash_uses_up_the_last_of_the_attempts() -> None:
    with pytest.raises(DidNotSurvive, match="cut off by a crash in attempt 5;"):
        await assert_survives_every_crash(bakery.renting)


async def test_it_finds_an_activity_that_a_crash_may_cut_off_for_good_and_says_how_to_repeat_it() -> None:
    with pytest.raises(DidNotSurvive) as found:
        await assert_survives_every_crash(bakery.doorbell)
    told = str(found.value)
    assert "does not survive a crash after write" in told
    assert "expected: completed with 'rang front'" in told and "ActivityInterruptedError" in told
    assert "run/run" in told and "bytes)" in told  # the records of that write
    assert found.value.crash_at is not None
    assert f"crash_at={found.value.crash_at}" in told
    with pytest.raises(DidNotSurvive) as again:
        await assert_survives_every_crash(bakery.doorbell, crash_at=found.value.crash_at)
    assert str(again.value) == told
    survived = await assert_survives_every_crash(bakery.doorbell, crash_at=(1, "before"))
    assert survived.crashes == 1


async def test_a_write_that_is_not_reached_is_no_silent_success() -> None:
    with pytest.raises(ValueError, match="is not reached"):
        await assert_survives_every_crash(bakery.doorbell, crash_at=(99, "before"))


async def test_results_that_hold_chance_are_checked_instead_of_compared() -> None:
    numbers = []

    def between_0_and_1(result: float) -> bool:
        numbers.append(result)
        return 0 <= result < 1

    report = await assert_survives_every_crash(bakery.dice, check=between_0_and_1)
    assert len(numbers) == report.crashes + 1


async def test_a_run_that_nothing_brings_to_its_end_is_told_with_what_it_waits_for() -> None:
    with pytest.raises(RunStuckError, match="waits for signal 'paid'"):
        await assert_survives_every_crash(bakery.waits_for_ever)


async def test_a_drive_that_is_wrong_without_a_crash_is_told() -> None:
    async def drive(engine: TestEngine, handle: WorkflowHandle) -> None:
        await handle.signal(bakery.paid, 1)
        await engine.advance_time("1 day")
        await handle.signal(bakery.paid, 2)

    with pytest.raises(RunFinishedError):
        await assert_survives_every_crash(bakery.waits_for_ever, drive=drive)


async def test_mocks_replace_activities_and_reset_forgets_what_they_counted() -> None:
    bells = []

    async def bell(door: str) -> str:
        bells.append(door)
        if len(bells) < 2:
            raise OSError("no current")
        return "ding"

    report = await assert_survives_every_crash(bakery.order, "x", drive=PAY, mocks={bakery.bake: bell, "deliver": bell},
                                               reset=bells.clear)  # fmt: skip
    assert report.result == {"amount": 12, "delivered": "ding", "extra": "ding"}


# -- it finds the faults of an engine


class Broken:
    """Commits that do not write what they should."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, keep: Any) -> None:
        commit = Committer.commit

        async def worse(self: Committer, ops: list[Op], through: Any = None) -> None:
            await commit(self, [op for op in ops if keep(self, op)], through)

        monkeypatch.setattr(Committer, "commit", worse)


async def test_G4_it_finds_an_engine_that_calls_an_activity_again_after_its_outcome(monkeypatch: Any) -> None:
    first: list[Op] = []

    def keep(committer: Committer, op: Op) -> bool:
        """Of its checkpoints only the first one is written."""
        if not op[0].startswith("ckpt/") or op[1] is None:
            return True
        first.append(op)
        return len(first) == 1

    Broken(monkeypatch, keep)
    with pytest.raises(DidNotSurvive, match="called again after its outcome had been recorded"):
        await assert_survives_every_crash(bakery.order, "plum", drive=PAY, reset=first.clear)


async def test_it_finds_records_that_stay_after_the_end(monkeypatch: Any) -> None:
    Broken(monkeypatch, lambda committer, op: not op[0].startswith("timer/") or op[1] is not None)
    with pytest.raises(DidNotSurvive, match="records left of finished runs: .'timer/"):
        await assert_survives_every_crash(bakery.order, "plum", drive=PAY)


async def test_G5_it_finds_keys_that_change(monkeypatch: Any) -> None:
    asked = []
    monkeypatch.setattr(ActivityInfo, "idempotency_key", property(lambda info: asked.append(1) or f"{len(asked)}"))
    with pytest.raises(DidNotSurvive, match="other effects than without a crash: none missing, . × bake"):
        await assert_survives_every_crash(bakery.order, "plum", drive=PAY)


# -- children


async def test_G12_child_runs_survive_too_and_one_that_outlives_its_parent_is_driven_to_its_end() -> None:
    async def drive(engine: TestEngine, handle: WorkflowHandle) -> None:
        for cake in ("plum", "nut"):
            await engine.settle()
            try:
                await engine.signal(f"order of {cake}", bakery.paid, 5, signal_id="payment")
            except RunFinishedError:
                pass  # the crash came after its end
            await engine.advance_time("12 hours")

    report = await assert_survives_every_crash(
        bakery.big_order, ["plum", "nut"], workflows=[bakery.order, bakery.tasting], drive=drive, reset=bakery.forget
    )
    assert report.result == ["plum cake at Main St", "nut cake at Main St"]
    assert report.crashes == 2 * report.writes
    assert sum(bakery.effects.values()) >= 7


async def test_it_finds_a_child_that_never_ends() -> None:
    with pytest.raises(RunStuckError, match="waits for signal 'paid'"):
        await assert_survives_every_crash(parent_of_one_that_waits, workflows=[bakery.waits_for_ever])


@workflow
async def parent_of_one_that_waits(ctx: Context) -> None:
    await ctx.start_child(bakery.waits_for_ever, on_parent_close="abandon")

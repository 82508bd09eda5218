"""G19 for suspended frames: whatever the bytes, only our errors, and none of the author's code runs."""

from __future__ import annotations

import pytest

from tests.codec.hostile import CASES, damaged, peak, survives
from tests.frames import hostile_workflow
from tests.frames.toy_engine import Ctx, Workflow
from weft_core.errors import CorruptRecordError, RestoreError, UnknownFunctionError, WeftError
from weft_core.frames import Restored, evict, peek, restore

STEPS = (0, 1, 3, 5, 8)
CTX = {"ctx": Ctx()}


def snapshot_after(steps):
    w = hostile_workflow.suspended_at(steps)
    data = w.snapshot()
    w.evict()
    return data


def test_the_run_can_be_finished_from_each_of_its_points():
    for steps in STEPS:
        w = Workflow.restore(snapshot_after(steps), Ctx())
        while not w.done:
            w.step(lambda op: 1)
        assert w.result()[3:] is not None


@pytest.mark.parametrize("steps", STEPS)
def test_damaged_snapshots_raise_only_our_errors_and_run_nothing_G19(steps):
    data = snapshot_after(steps)
    hostile_workflow.RAN.clear()
    for case in damaged(data, CASES // len(STEPS), steps):
        got = survives(lambda b: restore(b, CTX), case)
        assert hostile_workflow.RAN == []
        if isinstance(got, Restored):
            evict(got.root, CTX)
            assert hostile_workflow.RAN == []
        got = None
        hostile_workflow.RAN.clear()  # frames that were dropped half restored may be closed by the collector


@pytest.mark.parametrize("steps", STEPS)
def test_peeking_at_damaged_snapshots_raises_only_our_errors_G19(steps):
    data = snapshot_after(steps)
    for case in damaged(data, CASES // len(STEPS), steps):
        got = survives(peek, case)
        if not isinstance(got, WeftError):
            repr(got)


def test_every_truncated_snapshot_is_refused():
    data = snapshot_after(3)
    for size in range(0, len(data), 7):
        with pytest.raises(CorruptRecordError):
            restore(data[:size], CTX)
        with pytest.raises(CorruptRecordError):
            peek(data[:size])


def test_a_snapshot_without_its_externals_says_which():
    with pytest.raises(RestoreError, match="ctx"):
        restore(snapshot_after(1))


def test_a_snapshot_cannot_name_a_function_that_is_not_durable():
    data = snapshot_after(1).replace(b"hostile_workflow:child", b"hostile_workflow:other")
    with pytest.raises(UnknownFunctionError, match="other"):
        restore(data, CTX)


def test_reading_a_damaged_snapshot_takes_memory_in_proportion():
    def read(b):
        evict(restore(b, CTX).root, CTX)

    data = snapshot_after(3)
    whole = peak(read, data)
    for case in damaged(data, 40, 9):
        assert peak(read, case) <= max(2 * whole, 4 * len(case)) + 100_000

"""One file for each kind of operation; this table joins them."""

from __future__ import annotations

from typing import Any

from weft_core.machine.operations.activity import ActivityHooks
from weft_core.machine.operations.attribute import AttributeHooks
from weft_core.machine.operations.base import BaseHooks
from weft_core.machine.operations.group import GroupHooks
from weft_core.machine.operations.parked import AwaitResumeHooks, StartLaterHooks
from weft_core.machine.operations.signal import SignalHooks
from weft_core.machine.operations.sleep import SleepHooks
from weft_core.model.operations import (
    AwaitResume,
    Group,
    Operation,
    RunActivity,
    SetAttributes,
    Sleep,
    StartLater,
    WaitSignal,
)  # fmt: skip

HOOKS: dict[type[Operation[Any]], BaseHooks] = {
    RunActivity: ActivityHooks(),
    Sleep: SleepHooks(),
    WaitSignal: SignalHooks(),
    Group: GroupHooks(),
    SetAttributes: AttributeHooks(),
    StartLater: StartLaterHooks(),
    AwaitResume: AwaitResumeHooks(),
}
HOOKS_BY_KIND: dict[str, BaseHooks] = {cls.kind: hooks for cls, hooks in HOOKS.items()}

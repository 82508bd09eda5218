"""One file for each kind of operation; this table joins them."""

from __future__ import annotations

from typing import Any

from weft_core.machine.operations.activity import ActivityHooks
from weft_core.machine.operations.attribute import AttributeHooks
from weft_core.machine.operations.base import BaseHooks
from weft_core.machine.operations.child import ChildHooks
from weft_core.machine.operations.group import GroupHooks
from weft_core.machine.operations.join import JoinHooks
from weft_core.machine.operations.lock import AcquireHooks, ReleaseHooks
from weft_core.machine.operations.map import MapHooks
from weft_core.machine.operations.other_run import SpeakHooks, WaitRunHooks
from weft_core.machine.operations.parked import AwaitResumeHooks, StartLaterHooks
from weft_core.machine.operations.review import ReviewHooks
from weft_core.machine.operations.saga import CompensateHooks, NeedsAttentionHooks, SagaStepHooks
from weft_core.machine.operations.saga_list import RunSagaHooks
from weft_core.machine.operations.scope import CloseScopeHooks, OpenScopeHooks
from weft_core.machine.operations.signal import SignalHooks
from weft_core.machine.operations.sleep import SleepHooks
from weft_core.machine.operations.state import StateHooks
from weft_core.machine.operations.until import UntilHooks
from weft_core.machine.operations.update import AnswerUpdateHooks, WaitUpdateHooks
from weft_core.model.operations import (
    Acquire,
    AnswerUpdate,
    AwaitResume,
    CancelRun,
    CloseScope,
    Compensate,
    Group,
    JoinChildren,
    MapOver,
    NeedsAttention,
    OpenScope,
    Operation,
    Release,
    Review,
    RunActivity,
    RunSaga,
    SagaStep,
    SetAttributes,
    SignalRun,
    Sleep,
    StartChild,
    StartLater,
    UseState,
    WaitRun,
    WaitSignal,
    WaitUntil,
    WaitUpdate,
)  # fmt: skip

HOOKS: dict[type[Operation[Any]], BaseHooks] = {
    RunActivity: ActivityHooks(),
    Sleep: SleepHooks(),
    WaitSignal: SignalHooks(),
    Group: GroupHooks(),
    SetAttributes: AttributeHooks(),
    StartLater: StartLaterHooks(),
    AwaitResume: AwaitResumeHooks(),
    StartChild: ChildHooks(),
    WaitRun: WaitRunHooks(),
    SignalRun: SpeakHooks(),
    CancelRun: SpeakHooks(),
    Acquire: AcquireHooks(),
    Release: ReleaseHooks(),
    WaitUpdate: WaitUpdateHooks(),
    AnswerUpdate: AnswerUpdateHooks(),
    WaitUntil: UntilHooks(),
    MapOver: MapHooks(),
    JoinChildren: JoinHooks(),
    OpenScope: OpenScopeHooks(),
    CloseScope: CloseScopeHooks(),
    RunSaga: RunSagaHooks(),
    SagaStep: SagaStepHooks(),
    Compensate: CompensateHooks(),
    NeedsAttention: NeedsAttentionHooks(),
    Review: ReviewHooks(),
    UseState: StateHooks(),
}
HOOKS_BY_KIND: dict[str, BaseHooks] = {cls.kind: hooks for cls, hooks in HOOKS.items()}

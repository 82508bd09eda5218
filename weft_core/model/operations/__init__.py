"""Operations, one family a file. ``OPERATIONS`` lists every kind that a checkpoint may hold."""

from __future__ import annotations

from typing import Any

from weft_core.model.operations.activity import RunActivity
from weft_core.model.operations.attributes import SetAttributes
from weft_core.model.operations.base import Operation, Pending
from weft_core.model.operations.children import (
    CancelRun,
    ChildHandle,
    Each,
    JoinChildren,
    SignalRun,
    StartChild,
    WaitRun,
)
from weft_core.model.operations.group import Group, MapOver
from weft_core.model.operations.locks import Acquire, Release, SharedLock
from weft_core.model.operations.parked import AwaitResume, StartLater
from weft_core.model.operations.review import Decision, Review, ReviewDecision, SectionDecision
from weft_core.model.operations.sagas import Compensate, NeedsAttention, RunSaga, Saga, SagaStep
from weft_core.model.operations.scopes import CloseScope, OpenScope, TimeoutScope
from weft_core.model.operations.state import DurableValue, StateValue, UseState
from weft_core.model.operations.updates import AnswerUpdate, ReceivedUpdate, WaitUpdate
from weft_core.model.operations.waiting import Sleep, WaitMessage, WaitSignal, WaitUntil

OPERATIONS: tuple[type[Operation[Any]], ...] = (
    RunActivity,
    Sleep,
    WaitSignal,
    Group,
    SetAttributes,
    StartLater,
    AwaitResume,
    StartChild,
    WaitRun,
    SignalRun,
    CancelRun,
    Acquire,
    Release,
    WaitUpdate,
    AnswerUpdate,
    WaitUntil,
    MapOver,
    JoinChildren,
    OpenScope,
    CloseScope,
    RunSaga,
    SagaStep,
    Compensate,
    NeedsAttention,
    Review,
    UseState,
)

__all__ = [
    "Decision",
    "Review",
    "ReviewDecision",
    "SectionDecision",
    "OPERATIONS",
    "Acquire",
    "AnswerUpdate",
    "AwaitResume",
    "CancelRun",
    "ChildHandle",
    "CloseScope",
    "Compensate",
    "DurableValue",
    "Each",
    "Group",
    "JoinChildren",
    "MapOver",
    "NeedsAttention",
    "OpenScope",
    "Operation",
    "Pending",
    "Release",
    "ReceivedUpdate",
    "RunActivity",
    "RunSaga",
    "Saga",
    "SagaStep",
    "SetAttributes",
    "SharedLock",
    "SignalRun",
    "Sleep",
    "StartChild",
    "StartLater",
    "StateValue",
    "TimeoutScope",
    "UseState",
    "WaitMessage",
    "WaitRun",
    "WaitSignal",
    "WaitUntil",
    "WaitUpdate",
]

"""Our own types that may be part of a checkpoint, under names that never change."""

from __future__ import annotations

from typing import Any

from weft_core import codec
from weft_core.model.blobs import BlobRef
from weft_core.model.operations import (
    OPERATIONS,
    ChildHandle,
    DurableValue,
    Each,
    Operation,
    Pending,
    ReceivedUpdate,
    ReviewDecision,
    Saga,
    SectionDecision,
    SharedLock,
    StateValue,
    TimeoutScope,
)
from weft_core.model.retry import RetryPolicy
from weft_core.model.streams import StreamRef
from weft_core.workflow.context.facts import Facts
from weft_core.workflow.context.state import SessionValue, States
from weft_core.workflow.context.streams import WorkflowStream


def _set_pending(pending: Pending, op: Operation[object] | None) -> None:
    pending.op, pending.asked = op, False


def _set_received(received: ReceivedUpdate[object, object], state: list[object]) -> None:
    received.id, received.name, received.payload = state  # type: ignore[assignment]


def _set_states(states: States, ctx: Facts) -> None:
    states._ctx = ctx


def _set_session(value: SessionValue, state: list[Any]) -> None:
    value._ctx, value.key = state


def _set_stream(stream: WorkflowStream, state: list[Any]) -> None:
    stream._ctx, stream.name = state


def _set_saga(saga: Saga, compensations: list[object]) -> None:
    saga.compensations = compensations


def register_types() -> None:
    codec.register(Pending, name="weft:pending", get=lambda p: p.op, set=_set_pending)
    for cls in OPERATIONS:
        codec.register(cls, name=f"weft:op:{cls.kind}", get=cls.state, set=cls.load)
    codec.register(ChildHandle, name="weft:child", get=lambda c: c.id, new=ChildHandle)
    codec.register(Each, name="weft:each", get=lambda e: [e.name, e.is_workflow], new=lambda s: Each(*s))
    codec.register(TimeoutScope, name="weft:timeout", get=lambda t: t.delay_ms, new=TimeoutScope)
    codec.register(Saga, name="weft:saga", get=lambda s: s.compensations, set=_set_saga)
    codec.register(SharedLock, name="weft:lock", get=lambda k: [k.name, k.permits], new=lambda s: SharedLock(*s))
    codec.register(DurableValue, name="weft:value", get=lambda v: [v.scope, v.key], new=lambda s: DurableValue(*s))
    codec.register(
        StateValue, name="weft:state-value", get=lambda v: [v.value, v.version, v.exists], new=lambda s: StateValue(*s)
    )  # fmt: skip
    codec.register(States, name="weft:states", get=lambda s: s._ctx, set=_set_states)
    codec.register(SessionValue, name="weft:session", get=lambda s: [s._ctx, s.key], set=_set_session)
    codec.register(WorkflowStream, name="weft:stream", get=lambda s: [s._ctx, s.name], set=_set_stream)
    codec.register(StreamRef, name="weft:stream-ref", get=lambda r: [r.run_id, r.name], new=lambda s: StreamRef(*s))
    codec.allow_module("weft_core.workflow.context.streams")
    codec.register(
        BlobRef, name="weft:blob", get=lambda b: [b.run_id, b.key, b.size, b.made], new=lambda s: BlobRef(*s)
    )
    codec.allow_module("weft_core.workflow.context.blobs")
    codec.register(
        ReceivedUpdate,
        name="weft:received-update",
        get=lambda r: [r.id, r.name, r.payload],
        set=_set_received,
    )
    codec.register(
        ReviewDecision,
        name="weft:review-decision",
        get=lambda d: [d.decision, d.reviewer, d.feedback, d.at, dict(d.sections)],
        new=lambda s: ReviewDecision(*s),
    )
    codec.register(
        SectionDecision,
        name="weft:section-decision",
        get=lambda d: [d.decision, d.reviewer, d.feedback],
        new=lambda s: SectionDecision(*s),
    )
    codec.register(
        RetryPolicy,
        name="weft:retry",
        get=lambda r: [r.max_attempts, r.initial_interval, r.backoff, r.max_interval, r.jitter, list(r.non_retryable)],
        new=lambda s: RetryPolicy(s[0], s[1], s[2], s[3], s[4], tuple(s[5])),
    )


register_types()

"""Sagas: what undoes finished work when the rest fails."""

from __future__ import annotations

from typing import Any

from weft_core.errors import OperationMisuseError
from weft_core.model.operations.activity import RunActivity
from weft_core.model.operations.base import Operation


class Compensate(Operation[None]):
    """Run these branches one after the other, each to its end, whatever becomes of the run meanwhile (G13, G14)."""

    __slots__ = ("branches", "then_cancelled")
    kind = "compensate"

    def __init__(self, branches: list[Any], then_cancelled: bool = False) -> None:
        self.branches, self.then_cancelled = branches, then_cancelled


class SagaStep(Operation[Any]):
    """Do ``branch``; once that is recorded, so is what undoes it."""

    __slots__ = ("branch", "saga", "undo")
    kind = "saga_step"

    def __init__(self, branch: Operation[Any], saga: Saga, undo: str) -> None:
        self.branch, self.saga, self.undo = branch, saga, undo

    def state(self) -> list[Any]:
        return [self.branch, self.saga, self.undo]

    def load(self, state: list[Any]) -> None:
        self.branch, self.saga, self.undo = state

    @property
    def label(self) -> str:
        return self.branch.label

    def undoing(self, value: Any) -> Operation[Any]:
        """The compensation: the undoing activity, given what the step has returned."""
        return RunActivity(self.undo, (value,))


class RunSaga(Operation[list[Any]]):
    """The list form of a saga: ``(activity, *args, what undoes it)``, one after the other; names for activities."""

    __slots__ = ("steps",)
    kind = "saga"

    def __init__(self, steps: list[tuple[Any, ...]]) -> None:
        self.steps = steps


class NeedsAttention(Operation[Any]):
    """``failed`` has finally failed and must not be passed over: a person resumes (tries it again) or skips it."""

    __slots__ = ("failed",)
    kind = "attention"

    def __init__(self, failed: Any) -> None:
        self.failed = failed

    @property
    def label(self) -> str:
        return str(getattr(self.failed, "label", "compensation"))


class Saga:
    """``async with ctx.saga() as saga:`` see :meth:`weft_core.Context.saga`."""

    __slots__ = ("compensations",)

    def __init__(self, compensations: list[Any] | None = None) -> None:
        self.compensations: list[Any] = compensations if compensations is not None else []

    def run(self, activity: Any, /, *args: Any, compensate: Any) -> Operation[Any]:
        """Run an activity; if the block fails later, ``compensate``, an activity, is run with what it returned."""
        return SagaStep(RunActivity(activity_name(activity), args), self, activity_name(compensate))

    def add(self, compensation: Any) -> None:
        """From here on this undoes what was done: an operation (``ctx.run(refund, charge)``) or the call of a
        ``@durable`` function, not awaited."""
        self.compensations.append(compensation)

    async def __aenter__(self) -> Saga:
        return self

    def __aexit__(self, kind: type[BaseException] | None, *exc: Any) -> Operation[None]:
        undo, self.compensations = self.compensations[::-1], []
        if kind is None:
            for unneeded in undo:
                if not isinstance(unneeded, Operation):
                    unneeded.close()  # a call that is never awaited would warn
        return Compensate(undo if kind is not None else [])

    def __repr__(self) -> str:
        return f"<saga with {len(self.compensations)} compensations>"


def activity_name(activity: Any) -> str:
    """The name of an activity that is given as such or by its name."""
    name = activity if isinstance(activity, str) else getattr(activity, "name", None)
    if not isinstance(name, str):
        reason = f"{activity!r} is not an activity; decorate it with @activity"
        raise OperationMisuseError(operation="saga.run", reason=reason)
    return name

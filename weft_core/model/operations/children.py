"""Other runs: start a child, wait for a run, speak to one."""

from __future__ import annotations

from typing import Any

from weft_core import errors
from weft_core.model.durations import Duration, duration_ms
from weft_core.model.operations.activity import RunActivity
from weft_core.model.operations.base import Operation

CLOSE_POLICIES = ("cancel", "terminate", "abandon", "await")
"""What becomes of an unfinished child when its parent has ended."""


class StartChild(Operation[Any]):
    """Start a run of another workflow; with ``wait`` its value is that of the child, else a :class:`ChildHandle`."""

    __slots__ = ("headers", "id", "inputs", "policy", "timeout_ms", "wait", "workflow")
    kind = "child"

    def __init__(
        self,
        workflow: str,
        inputs: tuple[Any, ...],
        wait: bool,
        id: str | None = None,
        policy: str = "cancel",
        timeout_ms: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        if policy not in CLOSE_POLICIES:
            reason = f"on_parent_close is one of {CLOSE_POLICIES}, not {policy!r}"
            raise errors.OperationMisuseError(operation="ctx.start_child", reason=reason)
        self.workflow, self.inputs, self.wait = workflow, inputs, wait
        self.id, self.policy, self.timeout_ms, self.headers = id, policy, timeout_ms, headers

    def state(self) -> list[Any]:
        full = [self.workflow, self.inputs, self.wait, self.id, self.policy, self.timeout_ms]
        return full if self.headers is None else [*full, self.headers]

    def load(self, state: list[Any]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    @property
    def label(self) -> str:
        return self.workflow


class JoinChildren(Operation[None]):
    """The workflow's body has ended; its children with the close policy "await" have not."""

    kind = "join"


class WaitRun(Operation[Any]):
    """The value of another run, when it has one; its failure raised."""

    __slots__ = ("run_id",)
    kind = "run"

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id

    @property
    def label(self) -> str:
        return self.run_id


class SignalRun(Operation[None]):
    """Send a signal to another run; done when it has been accepted."""

    __slots__ = ("name", "payload", "run_id", "signal_id")
    kind = "signal_run"

    def __init__(self, run_id: str, name: str, payload: Any, signal_id: str | None = None) -> None:
        self.run_id, self.name, self.payload, self.signal_id = run_id, name, payload, signal_id

    def state(self) -> list[Any]:
        return [self.run_id, self.name, self.payload, self.signal_id]

    def load(self, state: list[Any]) -> None:
        self.run_id, self.name, self.payload, self.signal_id = state

    @property
    def label(self) -> str:
        return self.name


class CancelRun(Operation[None]):
    """Ask another run to stop; done when that has been accepted."""

    __slots__ = ("reason", "run_id")
    kind = "cancel_run"

    def __init__(self, run_id: str, reason: str | None = None) -> None:
        self.run_id, self.reason = run_id, reason

    def state(self) -> list[Any]:
        return [self.run_id, self.reason]

    def load(self, state: list[Any]) -> None:
        self.run_id, self.reason = state

    @property
    def label(self) -> str:
        return self.run_id


class Each:
    """Makes the operation for one item of ``ctx.map``: an activity, or a child run."""

    __slots__ = ("is_workflow", "name")

    def __init__(self, name: str, is_workflow: bool) -> None:
        self.name, self.is_workflow = name, is_workflow

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, item: Any) -> Operation[Any]:
        return StartChild(self.name, (item,), True) if self.is_workflow else RunActivity(self.name, (item,))


class ChildHandle:
    """A child run, as its parent has it in a variable. Its methods are operations: await them."""

    __slots__ = ("id",)

    def __init__(self, id: str) -> None:
        self.id = id

    def result(self) -> Operation[Any]:
        """The child's return value. ``RunFailedError`` (its cause is the child's own error) and so on."""
        return WaitRun(self.id)

    def signal(self, signal: Any, payload: Any = None, *, signal_id: str | None = None) -> Operation[None]:
        """Send it a signal. ``RunFinishedError`` if it has ended."""
        return SignalRun(self.id, signal if isinstance(signal, str) else signal.name, payload, signal_id)

    def cancel(self, reason: str | None = None) -> Operation[None]:
        """Ask it to stop. ``RunFinishedError`` if it has ended."""
        return CancelRun(self.id, reason)

    def __repr__(self) -> str:
        return f"<child run {self.id}>"


def timeout_of(value: Duration | None) -> int | None:
    return None if value is None else duration_ms(value, "the execution_timeout of a child")

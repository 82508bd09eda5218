"""Other runs: children, and runs that are known by their id."""

from __future__ import annotations

from typing import Any

from weft_core.model.durations import Duration
from weft_core.model.operations import CancelRun, ChildHandle, Operation, SignalRun, StartChild, WaitRun
from weft_core.model.operations.children import timeout_of
from weft_core.workflow.context.facts import Facts
from weft_core.workflow.definition import Signal, Workflow


class Children(Facts):
    """Operations that concern other runs of the same store."""

    def child(
        self,
        workflow: Workflow | str,
        /,
        *inputs: Any,
        id: str | None = None,
        on_parent_close: str = "cancel",
        execution_timeout: Duration | None = None,
    ) -> Operation[Any]:
        """Run another workflow as a child and wait for its value.

        Raises ``RunFailedError`` (its ``__cause__`` is the child's own error), ``RunCancelledError``,
        ``RunTimedOutError``, ``RunTerminatedError``; ``RunExistsError`` and ``WorkflowNotRegisteredError`` if it cannot
        be started. Cancelling the branch that waits cancels the child and waits for its end. ``id`` is made of this
        run's id and the step if none is given. ``on_parent_close`` says what becomes of the child if this run ends
        before it: "cancel", "terminate" or "abandon".
        """
        name = workflow if isinstance(workflow, str) else workflow.name
        return StartChild(name, inputs, True, id, on_parent_close, timeout_of(execution_timeout))

    def start_child(
        self,
        workflow: Workflow | str,
        /,
        *inputs: Any,
        id: str | None = None,
        on_parent_close: str = "cancel",
        execution_timeout: Duration | None = None,
    ) -> Operation[ChildHandle]:
        """Start a child and go on: a handle with ``id``, ``result()``, ``signal()``, ``cancel()``, to be awaited."""
        name = workflow if isinstance(workflow, str) else workflow.name
        return StartChild(name, inputs, False, id, on_parent_close, timeout_of(execution_timeout))

    def result_of(self, run_id: str) -> Operation[Any]:
        """The value of any run of this store, waiting for its end. ``RunNotFoundError`` and what ``child`` raises."""
        return WaitRun(run_id)

    def signal(
        self, run_id: str, signal: Signal[Any] | str, payload: Any = None, *, signal_id: str | None = None
    ) -> Operation[None]:
        """Send a signal to another run, exactly once. ``RunNotFoundError``, ``RunFinishedError``."""
        return SignalRun(run_id, signal if isinstance(signal, str) else signal.name, payload, signal_id)

    def cancel(self, run_id: str, reason: str | None = None) -> Operation[None]:
        """Ask another run to stop. ``RunNotFoundError``, ``RunFinishedError``."""
        return CancelRun(run_id, reason)

"""Messages that are answered, and messages that need not be waited for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from weft_core.errors import OperationMisuseError
from weft_core.model.durations import Duration, duration_ms
from weft_core.model.operations import Operation, ReceivedUpdate, WaitUntil, WaitUpdate
from weft_core.model.run import Handlers
from weft_core.workflow.context.facts import Facts
from weft_core.workflow.definition import Signal, Update

T = TypeVar("T")
In = TypeVar("In")
Out = TypeVar("Out")


class Messages(Facts):
    """Updates, handlers, and conditions on what they change."""

    def wait_for_update(
        self, update: Update[In, Out] | str, *, timeout: Duration | None = None
    ) -> Operation[ReceivedUpdate[In, Out]]:
        """The oldest unconsumed update of that name; it has ``payload``, ``id``, ``respond(value)`` and
        ``reject(error)``. After ``timeout``: ``WaitTimeoutError``."""
        timeout_ms = None if timeout is None else duration_ms(timeout, "the timeout of ctx.wait_for_update")
        return WaitUpdate(update if isinstance(update, str) else update.name, timeout_ms)

    def wait_until(self, condition: Callable[[], Any], *, timeout: Duration | None = None) -> Operation[None]:
        """Wait until ``condition()``, a function of this workflow, is true: ``ctx.wait_until(lambda: done >= 3)``.

        It is looked at now and after every message that the run handles; it must neither write nor await. What it
        raises is raised here. After ``timeout``: ``WaitTimeoutError``.
        """
        _ordinary(condition, "ctx.wait_until")
        timeout_ms = None if timeout is None else duration_ms(timeout, "the timeout of ctx.wait_until")
        return WaitUntil(condition, timeout_ms)

    def on_update(
        self,
        update: Update[In, Out] | str,
        handler: Callable[[In], Out],
        validator: Callable[[In], Any] | None = None,
    ) -> None:
        """Answer updates with ``handler(payload)``, a function of this workflow that may change its variables.

        It runs while the workflow waits, whatever for; its result is recorded in the same batch as what it changed.
        Before an update is accepted, ``validator(payload)`` may raise to refuse it; it sees a copy and writes nothing.
        """
        name = update if isinstance(update, str) else update.name
        _ordinary(handler, f"ctx.on_update({name!r})")
        if validator is not None:
            _ordinary(validator, f"ctx.on_update({name!r})")
        self._handlers().updates[name] = (handler, validator)

    def on_signal(self, signal: Signal[T] | str, handler: Callable[[T], Any]) -> None:
        """Have ``handler(payload)``, a function of this workflow, take signals that no ``wait_for_signal`` waits for.

        It may change the workflow's variables. What it raises becomes an event of the run, ``signal_handler_failed``.
        """
        name = signal if isinstance(signal, str) else signal.name
        _ordinary(handler, f"ctx.on_signal({name!r})")
        self._handlers().signals[name] = handler

    def _handlers(self) -> Handlers:
        run = self._run
        if run.handlers is None:
            run.handlers, run.attentive = Handlers(), True
        return run.handlers


def _ordinary(fn: Any, operation: str) -> None:
    if not callable(fn):
        raise OperationMisuseError(operation=operation, reason=f"{fn!r} cannot be called")
    if inspect.iscoroutinefunction(fn) or inspect.isgeneratorfunction(fn):
        reason = f"{fn!r} must be an ordinary function; what needs to await takes the message with ctx.wait_for_..."
        raise OperationMisuseError(operation=operation, reason=reason)

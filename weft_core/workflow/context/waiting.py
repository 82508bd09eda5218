"""Waiting for time and for messages."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from weft_core.model.durations import Duration, duration_ms, instant_ms
from weft_core.model.operations import Operation, Sleep, WaitSignal
from weft_core.workflow.context.facts import Facts
from weft_core.workflow.definition import Signal

T = TypeVar("T")


class Waiting(Facts):
    """Operations that end when time passes or a message comes."""

    def sleep(self, delay: Duration) -> Operation[None]:
        """Wait; never shorter than ``delay``, and longer if no engine is awake (G10)."""
        return Sleep(delay_ms=duration_ms(delay, "ctx.sleep"))

    def sleep_until(self, when: datetime | int | float) -> Operation[None]:
        """Wait until an aware datetime, or epoch seconds."""
        return Sleep(deadline_ms=instant_ms(when, "ctx.sleep_until"))

    def wait_for_signal(self, signal: Signal[T] | str, *, timeout: Duration | None = None) -> Operation[T]:
        """The payload of the oldest unconsumed signal of that name. After ``timeout``: ``SignalTimeoutError``."""
        timeout_ms = None if timeout is None else duration_ms(timeout, "the timeout of ctx.wait_for_signal")
        return WaitSignal(signal if isinstance(signal, str) else signal.name, timeout_ms)

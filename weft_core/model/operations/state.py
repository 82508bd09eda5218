"""Durable values: what a workflow asks of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from weft_core.model.operations.base import Operation

ATTEMPTS = 100
"""How often a change that others overtake is tried."""


@dataclass(frozen=True, slots=True)
class StateValue:
    """A durable value as it was read. ``version`` counts its changes, deletions too; 0: it was never set."""

    value: Any
    version: int
    exists: bool


class UseState(Operation[Any]):
    """Read or change a value; ``verb`` and ``args`` are those of ``machine/values.py``."""

    __slots__ = ("args", "attempts", "key", "scope", "verb")
    kind = "state"

    def __init__(self, scope: str, key: str, verb: str, args: tuple[Any, ...] = (), attempts: int = ATTEMPTS) -> None:
        self.scope, self.key, self.verb, self.args, self.attempts = scope, key, verb, args, attempts

    def state(self) -> list[Any]:
        return [self.scope, self.key, self.verb, self.args, self.attempts]

    def load(self, state: list[Any]) -> None:
        self.scope, self.key, self.verb, self.args, self.attempts = state

    @property
    def label(self) -> str:
        return self.key


class DurableValue:
    """A value by its scope and key, from ``ctx.state``. Nothing of it is held here; each method is one step."""

    __slots__ = ("key", "scope")

    def __init__(self, scope: str, key: str) -> None:
        self.scope, self.key = scope, key

    def _op(self, verb: str, *args: Any, attempts: int = ATTEMPTS) -> Operation[Any]:
        return UseState(self.scope, self.key, verb, args, attempts)

    def get(self, default: Any = None) -> Operation[Any]:
        """A copy of the value; ``default`` if there is none."""
        return self._op("get", default)

    def read(self) -> Operation[StateValue]:
        """The value with its version."""
        return self._op("read")

    def set(self, value: Any) -> Operation[int]:
        """Set it, whatever it is now; its new version."""
        return self._op("set", value)

    def update(self, fn: Callable[[Any], Any], *, initial: Any = None, attempts: int = ATTEMPTS) -> Operation[Any]:
        """Set it to ``fn(value)``, or ``fn(initial)`` if there is none; the new value.

        ``fn`` is an ordinary function of the workflow's, a lambda for example, and returns the new value. It is called
        again when others have changed the value meanwhile, so it must do nothing else. ``AtomicStateConflictError`` if
        that happens ``attempts`` times.
        """
        return self._op("update", fn, initial, attempts=attempts)

    def compare_and_swap(self, expected: Any, new: Any) -> Operation[bool]:
        """Set it to ``new`` if it equals ``expected``; whether it did. No value equals None.

        With a :class:`StateValue` from :meth:`read`: if it is still that version.
        """
        return self._op("compare_and_swap", expected, new)

    def increment(self, by: Any = 1) -> Operation[Any]:
        """Add to a number, 0 if there is none; the new value. Never conflicts."""
        return self._op("increment", by)

    def append(self, item: Any) -> Operation[int]:
        """Append to a list, empty if there is none; the new version of the value. Never conflicts."""
        return self._op("append", item)

    def delete(self) -> Operation[bool]:
        """Remove the value; whether there was one. Its version goes on: nobody can mistake a later value for it."""
        return self._op("delete")

    def __repr__(self) -> str:
        return f"<{self.scope} state {self.key}>"

"""Locks that runs share."""

from __future__ import annotations

from typing import Any

from weft_core.errors import OperationMisuseError
from weft_core.model.operations.base import Operation


class Acquire(Operation[int]):
    """Wait for a permit of a lock; its value is the fencing token, a number that only grows."""

    __slots__ = ("name", "permits")
    kind = "lock"

    def __init__(self, name: str, permits: int) -> None:
        self.name, self.permits = name, permits

    def state(self) -> list[Any]:
        return [self.name, self.permits]

    def load(self, state: list[Any]) -> None:
        self.name, self.permits = state

    @property
    def label(self) -> str:
        return self.name


class Release(Operation[None]):
    """Give back the permit that this line of control was given last, or that of a token."""

    __slots__ = ("name", "token")
    kind = "unlock"

    def __init__(self, name: str, token: int | None = None) -> None:
        self.name, self.token = name, token

    def state(self) -> list[Any]:
        return [self.name, self.token]

    def load(self, state: list[Any]) -> None:
        self.name, self.token = state

    @property
    def label(self) -> str:
        return self.name


class SharedLock:
    """A mutex or semaphore by its name: ``async with ctx.mutex("printer") as token:``. Nothing of it is held here."""

    __slots__ = ("name", "permits")

    def __init__(self, name: str, permits: int = 1) -> None:
        if not isinstance(name, str) or not name or "/" in name or "\0" in name:
            reason = f"{name!r} cannot name a lock: it must be non-empty text without slashes"
            raise OperationMisuseError(operation="ctx.mutex", reason=reason)
        if not isinstance(permits, int) or permits < 1:
            raise OperationMisuseError(operation="ctx.semaphore", reason=f"permits is {permits!r}, not at least 1")
        self.name, self.permits = name, permits

    def acquire(self) -> Operation[int]:
        """Wait in order of arrival; the fencing token."""
        return Acquire(self.name, self.permits)

    def release(self, token: int | None = None) -> Operation[None]:
        """Without a token: what this line of control acquired last."""
        return Release(self.name, token)

    def __aenter__(self) -> Operation[int]:
        return self.acquire()

    def __aexit__(self, *exc: object) -> Operation[None]:
        return self.release()

    def __repr__(self) -> str:
        return f"<lock {self.name}>"

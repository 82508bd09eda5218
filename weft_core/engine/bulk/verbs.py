"""What can be done to many runs. Each is harmless when it is done again, because a crash may make that happen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

from weft_core.errors import RunNotFoundError
from weft_core.model.messages import SignalArrived


class Actions(Protocol):
    """What bulk verbs need of their engine."""

    async def cancel(self, run_id: str, reason: str | None = None) -> None: ...

    async def terminate(self, run_id: str, reason: str | None = None) -> None: ...

    async def resume(self, run_id: str) -> None: ...

    async def purge(self, run_id: str) -> None: ...

    async def add_tags(self, run_id: str, tags: Iterable[str]) -> None: ...

    async def remove_tags(self, run_id: str, tags: Iterable[str]) -> None: ...

    async def deliver_signal(self, run_id: str, message: SignalArrived) -> None: ...


Args = list[Any]
Apply = Callable[[Actions, str, Args, str], Awaitable[None]]
"""``(engine, run id, the verb's arguments, id of the operation)``"""


async def _cancel(engine: Actions, run_id: str, args: Args, operation: str) -> None:
    await engine.cancel(run_id, *args)


async def _terminate(engine: Actions, run_id: str, args: Args, operation: str) -> None:
    await engine.terminate(run_id, *args)


async def _resume(engine: Actions, run_id: str, args: Args, operation: str) -> None:
    await engine.resume(run_id)


async def _signal(engine: Actions, run_id: str, args: Args, operation: str) -> None:
    name, payload, signal_id = args
    await engine.deliver_signal(run_id, SignalArrived(name, payload, signal_id or f"bulk-{operation}"))


async def _tag(engine: Actions, run_id: str, args: Args, operation: str) -> None:
    await engine.add_tags(run_id, *args)


async def _untag(engine: Actions, run_id: str, args: Args, operation: str) -> None:
    await engine.remove_tags(run_id, *args)


async def _delete(engine: Actions, run_id: str, args: Args, operation: str) -> None:
    try:
        await engine.purge(run_id)
    except RunNotFoundError:
        pass  # what was asked for is so


VERBS: Mapping[str, Apply] = {
    "cancel": _cancel, "terminate": _terminate, "resume": _resume, "signal": _signal, "delete": _delete,
    "tag": _tag, "untag": _untag,
}  # fmt: skip

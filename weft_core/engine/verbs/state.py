"""Durable values from outside of the runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from weft_core.engine.core import EngineCore
from weft_core.engine.verbs.looking import LookingVerbs
from weft_core.errors import AtomicStateConflictError
from weft_core.machine.naming import check_name
from weft_core.machine.sealed import unseal_plain
from weft_core.machine.values import ABSENT, VERBS, Again, Answer, Request
from weft_core.model import keys
from weft_core.model.events import Event, StateChanged, parse_event
from weft_core.model.messages import StateAsked
from weft_core.model.operations import StateValue
from weft_core.model.operations.state import ATTEMPTS
from weft_core.model.run import Value
from weft_core.workflow import Workflow


class StateVerbs(LookingVerbs):
    """state."""

    @property
    def state(self) -> EngineState:
        """What runs keep by ``ctx.state``. (How the engine itself is doing is its ``status``.)"""
        return EngineState(self)


class EngineState:
    """Finds durable values: ``engine.state.workflow("orders", "total")``."""

    def __init__(self, engine: EngineCore) -> None:
        self._engine = engine

    def execution(self, run_id: str, key: str) -> StateAccess:
        """A value of one run: it can be changed until the run has finished, and read until it is purged."""
        return StateAccess(_OfRun(self._engine, run_id, key))

    def workflow(self, workflow: Workflow | str, key: str) -> StateAccess:
        """A value that all runs of a workflow share."""
        name = workflow if isinstance(workflow, str) else workflow.name
        return StateAccess(_Shared(self._engine, "workflow", name, key))

    def store(self, key: str) -> StateAccess:
        """A value that all runs of the store share."""
        return StateAccess(_Shared(self._engine, "store", "", key))


class StateAccess:
    """A durable value as code outside of runs has it. A change is durable when its method returns.

    ``OperationMisuseError`` (key, or a value that does not fit), ``PayloadTooLargeError``, ``NotSerializableError``;
    of a run: ``RunNotFoundError``, and for changes ``RunFinishedError``, ``RunHeldError``, ``LimitExceededError``.
    """

    def __init__(self, place: _Place) -> None:
        self._place = place

    async def get(self, default: Any = None) -> Any:
        """A copy of the value; ``default`` if there is none."""
        return await self._use("get", default)

    async def read(self) -> StateValue:
        """The value with its version."""
        found: StateValue = await self._use("read")
        return found

    async def set(self, value: Any) -> int:
        """Set it, whatever it is now; its new version."""
        version: int = await self._use("set", value)
        return version

    async def update(self, fn: Callable[[Any], Any], *, initial: Any = None, attempts: int = ATTEMPTS) -> Any:
        """Set it to ``fn(value)``, or ``fn(initial)`` if there is none; the new value. ``fn`` is called again when the
        value was changed meanwhile; ``AtomicStateConflictError`` if that happens ``attempts`` times."""
        return await self._use("update", fn, initial, attempts=attempts)

    async def compare_and_swap(self, expected: Any, new: Any) -> bool:
        """Set it to ``new`` if it equals ``expected`` (no value equals None), or is still the version that
        :meth:`read` gave; whether it did."""
        swapped: bool = await self._use("compare_and_swap", expected, new)
        return swapped

    async def increment(self, by: Any = 1) -> Any:
        """Add to a number, 0 if there is none; the new value."""
        return await self._use("increment", by)

    async def append(self, item: Any) -> int:
        """Append to a list, empty if there is none; the new version of the value."""
        version: int = await self._use("append", item)
        return version

    async def delete(self) -> bool:
        """Remove the value; whether there was one."""
        deleted: bool = await self._use("delete")
        return deleted

    def subscribe(self, listener: Callable[[StateChanged], None]) -> Callable[[], None]:
        """Call ``listener`` with each change once it is durable; returns the function that ends this.

        It is called on the event loop and must be short. Changes that were durable right before a crash are told to
        nobody: look at the value after opening an engine.
        """
        return self._place.subscribe(listener)

    async def _use(self, verb: str, *args: Any, attempts: int = ATTEMPTS) -> Any:
        place, limits = self._place, self._place.engine.limits
        place.check()
        request = VERBS[verb].first(args, limits)
        for _ in range(attempts + 1):
            answer = await place.ask(request)
            found = VERBS[verb].then(args, limits, answer)
            if not isinstance(found, Again):
                return found
            request = found.request
        raise AtomicStateConflictError(scope=place.scope, key=place.key, attempts=attempts)


class _Place:
    """Where a value is: how it is read, asked, and listened to."""

    def __init__(self, engine: EngineCore, scope: str, owner: str, key: str) -> None:
        self.engine, self.scope, self.owner, self.key = engine, scope, owner, key

    def check(self) -> None:
        self.engine._check_open()
        check_name(self.key, "a state key", self.engine.limits)

    async def ask(self, request: Request) -> Answer:
        if request == ["get"]:
            return [False, *await self._read()]
        return await self._change(request)

    async def _read(self) -> Value:
        """What is committed."""
        raise NotImplementedError

    def _change(self, request: Request) -> Awaitable[Answer]:
        raise NotImplementedError

    async def _record(self, key: str) -> list[Any] | None:
        data = await self.engine.storage.get(key)
        return unseal_plain(key, data) if data is not None else None

    def subscribe(self, listener: Callable[[StateChanged], None]) -> Callable[[], None]:
        of_run = self.scope == "execution"
        mine = (self.scope, "" if of_run else self.owner, self.key)

        def hear(data: dict[str, Any]) -> None:
            event: Event = parse_event(data)
            if isinstance(event, StateChanged) and (event.scope, event.workflow, event.key) == mine:
                listener(event)

        return self.engine.events.subscribe(hear, self.owner if of_run else None, frozenset({"state_changed"}))


class _OfRun(_Place):
    def __init__(self, engine: EngineCore, run_id: str, key: str) -> None:
        super().__init__(engine, "execution", run_id, key)

    async def _read(self) -> Value:
        await self.engine.reader.header(self.owner)
        return await self._record(keys.state(self.owner, self.key)) or ABSENT

    async def _change(self, request: Request) -> Answer:
        message = StateAsked(self.key, request)
        await self.engine._deliver(self.owner, message)
        if message.refusal is not None:
            raise message.refusal
        return message.answer


class _Shared(_Place):
    async def _read(self) -> Value:
        record = await self._record(keys.shared("state", self._name))
        return record[0] if record is not None else ABSENT

    async def _change(self, request: Request) -> Answer:
        answer: Answer = await self.engine._ask_shared("state", self._name, request)
        return answer

    @property
    def _name(self) -> str:
        return keys.shared_state(self.owner, self.key)

"""Workflow definitions, and the names by which the outside speaks to a run: signals, updates and queries."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from weft_core import codec, frames
from weft_core.errors import DefinitionError, InvalidInputError
from weft_core.model.concurrency import Concurrency, concurrency_of
from weft_core.model.placement import Placement, placement_of
from weft_core.model.retention import Retention
from weft_core.workflow.attributes import SearchAttribute
from weft_core.workflow.declared import SIGNALS, UPDATES, declared_names
from weft_core.workflow.migration import Migration, StoredRun
from weft_core.workflow.unawaited import refuse_unawaited

T = TypeVar("T")
In = TypeVar("In")
Out = TypeVar("Out")
F = TypeVar("F", bound=Callable[..., Any])
M = TypeVar("M", bound=Callable[[StoredRun], None])


WRITTEN = "__weft_workflows__"
"""The global of a module that lists the workflows written in it, by name and version."""


class Signal(Generic[T]):
    """A named message into a run: ``approval = signal("approval")``, or typed, ``signal[Approval]("approval")``."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"signal({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Signal) and other.name == self.name

    def __hash__(self) -> int:
        return hash((Signal, self.name))


class Query(Generic[T]):
    """A named question that a run answers from its committed state."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"query({self.name!r})"


class Update(Generic[In, Out]):
    """A named message that a run answers: ``add = update("add")``, or typed, ``update[Item, int]("add")``."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"update({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Update) and other.name == self.name

    def __hash__(self) -> int:
        return hash((Update, self.name))


signal = Signal
query = Query
update = Update
codec.register(Signal, name="weft:signal", get=lambda s: s.name, new=Signal)
codec.register(Update, name="weft:update", get=lambda u: u.name, new=Update)
codec.register(Query, name="weft:query", get=lambda q: q.name, new=Query)


def durable(fn: F) -> F:
    """Make a helper coroutine (or generator) part of the checkpoint: its position and locals are stored too."""
    codec.allow_module(fn.__module__)
    compiled: F = frames.durable(fn, check=refuse_unawaited)
    return compiled


class Workflow:
    """A durable function with a name and a version. Made by :func:`workflow`."""

    def __init__(
        self,
        fn: Callable[..., Any],
        name: str | None = None,
        version: str = "1",
        signals: Iterable[Signal[Any] | str] | None = None,
        activities: Iterable[Any] = (),
        retention: Retention | None = None,
        updates: Iterable[Update[Any, Any] | str] | None = None,
        attributes: Iterable[SearchAttribute[Any]] = (),
        retain_checkpoints: int | None = None,
        concurrency: Concurrency | int | None = None,
        portable: bool = False,
        placement: Placement = "local",
    ) -> None:
        self.portable = bool(portable)
        """Whether its runs may move between engines."""
        if not isinstance(version, str):
            raise DefinitionError(f"the version of a workflow is text, not {version!r}")
        self.name = name or fn.__name__
        if "/" in self.name or not self.name:
            raise DefinitionError(f"{self.name!r} cannot name a workflow: it must be non-empty and have no slash")
        self.version = version
        self.placement = placement_of(self.name, placement, self.portable)
        """Where its runs are made that a device starts."""
        self.key = frames.workflow_key(self.name, version)
        """Names its function in checkpoints."""
        codec.allow_module(fn.__module__)
        self.fn = frames.durable(getattr(fn, "__wrapped_source__", fn), name=self.key, check=refuse_unawaited)
        self.migrations: list[Migration] = []
        self.activities = tuple(activities)
        self.retention = retention
        """How long its runs and their events are kept; None: as the engine says."""
        self.attribute_types = {attribute.name: attribute.type for attribute in attributes}
        """The types that its search attributes must have, by name; others may be set too."""
        self.retain_checkpoints = check_retained(retain_checkpoints)
        """How many checkpoints its runs retain; None: as many as its engine says."""
        self.signals = declared_names(self.fn, SIGNALS) if signals is None else _names(signals)
        """Names of the signals it waits for; None if that cannot be told from its source, so that any is accepted."""
        self.updates = declared_names(self.fn, UPDATES) if updates is None else _names(updates)
        """Names of the updates it answers; None as for signals."""
        self.__name__, self.__doc__, self.__wrapped__ = fn.__name__, fn.__doc__, fn
        self.__module__, self.__qualname__ = fn.__module__, fn.__qualname__
        self._signature = inspect.signature(fn)
        self.concurrency = concurrency_of(concurrency)
        """How many of its runs go on at once; None: any number."""
        if self.concurrency is not None:
            self.concurrency.check(self.name, self._signature)
        written: dict[tuple[str, str], Workflow] = fn.__globals__.setdefault(WRITTEN, {})
        written.pop((self.name, version), None)
        written[self.name, version] = self

    @property
    def root(self) -> frames.Root:
        """What frames know of its function."""
        fn: Any = self.fn
        root: frames.Root = fn.__durable__
        return root

    @property
    def code(self) -> str:
        """The fingerprint of its code: that of its function, without the helpers it calls."""
        return self.root.plan.hash

    def migrate(
        self, *, from_version: str, to_version: str | None = None, from_code: str | None = None
    ) -> Callable[[M], M]:
        """Declare how runs of another version go on: a decorator for a function that changes a :class:`StoredRun`.

        It is used for runs whose own version is not registered; with ``from_version`` equal to this version, for those
        that its changed code no longer fits. ``from_code`` limits it to one fingerprint of the old code.
        ``to_version`` says that it leads to a version in between; another migration then leads on from there.
        """
        target = self.version if to_version is None else to_version
        for made in self.migrations:
            if (made.from_version, made.from_code) == (from_version, from_code):
                raise DefinitionError(f"{self!r} has two migrations from version {from_version!r}")

        def declare(fn: M) -> M:
            self.migrations.append(Migration(fn, from_version, target, from_code))
            return fn

        return declare

    def way_from(self, version: str, code: str) -> list[Migration]:
        """The migrations that lead from code of that version here, in order; empty if none do."""
        way: list[Migration] = []
        while True:
            fitting = [m for m in self.migrations if m.takes(version, code) and m not in way]
            if not fitting:
                return []
            way.append(max(fitting, key=lambda m: m.from_code is not None))
            version, code = way[-1].to_version, ""
            if version == self.version:
                return way

    def frame(self, ctx: Any, inputs: tuple[Any, ...]) -> Any:
        """A new frame of this workflow. Inputs that do not fit the parameters: ``InvalidInputError``."""
        self.check_inputs(inputs)
        return self.fn(ctx, *inputs)

    def check_inputs(self, inputs: tuple[Any, ...]) -> None:
        try:
            self._signature.bind(None, *inputs)
        except TypeError as misfit:
            raise InvalidInputError(call=f"workflow {self.name}{self._signature}", reason=str(misfit)) from None

    def admission(self, inputs: tuple[Any, ...]) -> list[Any] | None:
        """``[name, limit, on_limit]`` of what limits a run with these inputs, which fit. ``InvalidInputError``."""
        if self.concurrency is None:
            return None
        return self.concurrency.admission(self.name, self._signature, inputs)

    def __repr__(self) -> str:
        return f"<workflow {self.name} version {self.version}>"


def _names(declared: Iterable[Any]) -> frozenset[str]:
    return frozenset(d if isinstance(d, str) else d.name for d in declared)


def check_retained(number: int | None) -> int | None:
    """``retain_checkpoints=`` of a workflow or an engine."""
    if number is not None and (type(number) is not int or not 0 <= number <= 10_000):
        raise DefinitionError(f"retain_checkpoints is a number between 0 and 10,000, not {number!r}")
    return number


class WorkflowBuilder:
    """``workflow(name=...)``: a decorator, or a chain that ends in ``execute(fn)``."""

    def __init__(
        self,
        name: str | None,
        version: str,
        signals: Iterable[Signal[Any] | str] | None,
        retention: Retention | None = None,
        updates: Iterable[Update[Any, Any] | str] | None = None,
        retain_checkpoints: int | None = None,
        concurrency: Concurrency | int | None = None,
        portable: bool = False,
        placement: Placement = "local",
    ) -> None:
        self._concurrency, self._portable, self._placement = concurrency, portable, placement
        self._name, self._version, self._retention = name, version, retention
        self._retain_checkpoints = retain_checkpoints
        self._signals, self._updates = signals, updates
        self._activities: tuple[Any, ...] = ()
        self._attributes: tuple[SearchAttribute[Any], ...] = ()

    def activities(self, *activities: Any) -> WorkflowBuilder:
        """Activities this workflow uses."""
        self._activities += activities
        return self

    def signals(self, *signals: Signal[Any] | str) -> WorkflowBuilder:
        """Signals this workflow accepts; others are refused."""
        self._signals = signals
        return self

    def updates(self, *updates: Update[Any, Any] | str) -> WorkflowBuilder:
        """Updates this workflow answers; others are refused."""
        self._updates = updates
        return self

    def search_attributes(self, *attributes: SearchAttribute[Any]) -> WorkflowBuilder:
        """Search attributes of this workflow: values of another type are refused under these names."""
        self._attributes += attributes
        return self

    def execute(self, fn: Callable[..., Any]) -> Workflow:
        """The definition, with ``fn`` as its body."""
        return Workflow(
            fn, self._name, self._version, self._signals, self._activities, self._retention, self._updates,
            self._attributes,
            self._retain_checkpoints, self._concurrency, self._portable, self._placement,
        )  # fmt: skip

    __call__ = execute


def workflow(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    version: str = "1",
    signals: Iterable[Signal[Any] | str] | None = None,
    retention: Retention | None = None,
    updates: Iterable[Update[Any, Any] | str] | None = None,
    retain_checkpoints: int | None = None,
    concurrency: Concurrency | int | None = None,
    portable: bool = False,
    placement: Placement = "local",
) -> Any:
    """Declare a workflow: ``@workflow``, ``@workflow(name="checkout", version="2")``, or the chained form.

    With ``retain_checkpoints=10`` its runs keep the last ten checkpoints that they have gone on from, for
    ``engine.fork`` and ``engine.rewind``; 0 is none. A run keeps the number it was started with.

    ``concurrency=3``, or :class:`Concurrency`, limits how many of its runs go on at once.

    With ``portable=True`` its runs may move to another engine that has it too, and ``placement`` says where those are
    made that a device starts: "local", "server_when_online" or "server_only" (docs/handoff.md).
    """
    if fn is not None:
        return Workflow(fn)
    return WorkflowBuilder(
        name, version, signals, retention, updates, retain_checkpoints, concurrency, portable, placement
    )  # fmt: skip

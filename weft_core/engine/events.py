"""Committed events on their way to whoever listens: listeners, tails, and waiters for a result."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from weft_core.engine.present import present_event
from weft_core.machine.records import Event
from weft_core.model.run import RunHeader

Listener = Callable[[dict[str, Any]], None]


class Told(NamedTuple):
    """The events of one turn, durable."""

    position: int
    """Number of their commit in the feed."""
    offset: int
    """How many events of that commit come before them."""
    last: bool
    """No event of that commit comes after them."""
    run_id: str
    first_seq: int
    at: int
    events: list[Event]

    def shown(self) -> list[dict[str, Any]]:
        """As they are stored, one dict each."""
        return [
            {"run_id": self.run_id, "seq": self.first_seq + i, "at": self.at, "type": type_, **data}
            for i, (type_, data) in enumerate(self.events)
        ]


class Hearer(Protocol):
    """Who is told of committed events."""

    def told(self, told: Told) -> None: ...

    def stopped(self, error: BaseException) -> None:
        """No more events will come."""

    def started(self) -> None:
        """Events come again; some may have become durable that nobody was told of."""


class EventBus:
    """Publishes after the commit (G1). A listener that raises is dropped from that event, not from the engine."""

    def __init__(self, on_listener_error: Callable[[BaseException], None]) -> None:
        self.position = 0
        """Number of the last commit whose events were published."""
        self._of_all: dict[int, Hearer] = {}
        self._of_run: dict[str, dict[int, Hearer]] = {}
        self._stopped: BaseException | None = None
        self._next = 0
        self._waiters: defaultdict[str, list[asyncio.Future[RunHeader]]] = defaultdict(list)
        self._on_listener_error = on_listener_error

    def subscribe(
        self, listener: Listener, run_id: str | None = None, names: frozenset[str] | None = None
    ) -> Callable[[], None]:
        """Call ``listener`` with every event (of one run; of these types) as a dict; returns the function that ends
        this."""
        return self.join(_Calling(listener, names, self._on_listener_error), run_id)

    def join(self, hearer: Hearer, run_id: str | None = None) -> Callable[[], None]:
        """Tell ``hearer`` of every event (of one run); returns the function that ends this."""
        key, self._next = self._next, self._next + 1
        among = self._of_all if run_id is None else self._of_run.setdefault(run_id, {})
        among[key] = hearer
        if self._stopped is not None:
            hearer.stopped(self._stopped)

        def leave() -> None:
            among.pop(key, None)
            if run_id is not None and not among and self._of_run.get(run_id) is among:
                del self._of_run[run_id]

        return leave

    def publish(self, position: int, committed: list[tuple[str, int, int, list[Event]]]) -> None:
        """Tell of the events of one commit; ``position`` is its number in the feed."""
        if not committed:
            return
        self.position = position
        if not self._of_all and not self._of_run:
            return
        offset, left = 0, len(committed)
        for run_id, first_seq, at, events in committed:
            left -= 1
            of_run = self._of_run.get(run_id)
            if self._of_all or of_run:
                told = Told(position, offset, not left, run_id, first_seq, at, events)
                for hearer in [*self._of_all.values(), *(of_run or {}).values()]:
                    hearer.told(told)
            offset += len(events)

    def wake(self, run_id: str) -> None:
        """Something of a run is durable that is no event: whoever hears of that run may look."""
        nothing = Told(self.position, 0, False, run_id, 0, 0, [])
        for hearer in list(self._of_run.get(run_id, {}).values()):
            hearer.told(nothing)

    def announce(self, event: dict[str, Any]) -> None:
        """Call the listeners with a durable event that is of no run, and so in no log that a tail could follow."""
        for hearer in list(self._of_all.values()):
            if isinstance(hearer, _Calling):
                hearer.call(event)

    def wait_for_end(self, run_id: str) -> asyncio.Future[RunHeader]:
        """Resolved with the run's record when it finishes or stops; failed when the engine stops, or has stopped."""
        future: asyncio.Future[RunHeader] = asyncio.get_running_loop().create_future()
        if self._stopped is not None:
            _fail(future, self._stopped)
        else:
            self._waiters[run_id].append(future)
        return future

    def forget(self, run_id: str, future: asyncio.Future[RunHeader]) -> None:
        """Its waiter has gone."""
        waiters = self._waiters.get(run_id, [])
        if future in waiters:
            waiters.remove(future)
            if not waiters:
                del self._waiters[run_id]

    def ended(self, header: RunHeader) -> None:
        for future in self._waiters.pop(header.id, ()):
            if not future.done():
                future.set_result(header)

    def start(self, position: int) -> None:
        """Events come again, the next one in the commit after ``position``."""
        self._stopped, self.position = None, position
        for hearer in self._hearers():
            hearer.started()

    def stop(self, error: BaseException) -> None:
        """No more events will come: whoever waits for one is told why."""
        self._stopped = error
        waiters, self._waiters = self._waiters, defaultdict(list)
        for futures in waiters.values():
            for future in futures:
                _fail(future, error)
        for hearer in self._hearers():
            hearer.stopped(error)

    def _hearers(self) -> list[Hearer]:
        return [*self._of_all.values(), *(h for of_run in self._of_run.values() for h in of_run.values())]


class _Calling:
    """A listener: called with each event."""

    def __init__(
        self, listener: Listener, names: frozenset[str] | None, failed: Callable[[BaseException], None]
    ) -> None:
        self._listener, self._names, self._failed = listener, names, failed

    def told(self, told: Told) -> None:
        for event in told.shown():
            self.call(event)

    def call(self, event: dict[str, Any]) -> None:
        if self._names is None or event["type"] in self._names:
            try:
                self._listener(present_event(event))
            except Exception as error:
                self._failed(error)

    def stopped(self, error: BaseException) -> None:
        pass

    def started(self) -> None:
        pass


def _fail(future: asyncio.Future[RunHeader], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # whoever awaits it still sees it; nobody is warned if none does

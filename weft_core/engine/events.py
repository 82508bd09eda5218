"""Committed events on their way to whoever listens: subscribers, tails, and waiters for a result."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from weft_core.engine.present import present_event
from weft_core.machine.records import Event
from weft_core.model.run import RunHeader

Listener = Callable[[dict[str, Any]], None]
OnStop = Callable[[BaseException], None]


class EventBus:
    """Publishes after the commit (G1). A listener that raises is dropped from that event, not from the engine."""

    def __init__(self, on_listener_error: Callable[[BaseException], None]) -> None:
        self._listeners: dict[int, tuple[str | None, Listener]] = {}
        self._on_stop: dict[int, OnStop] = {}
        self._stopped: BaseException | None = None
        self._next = 0
        self._waiters: defaultdict[str, list[asyncio.Future[RunHeader]]] = defaultdict(list)
        self._on_listener_error = on_listener_error

    def subscribe(
        self, listener: Listener, run_id: str | None = None, on_stop: OnStop | None = None
    ) -> Callable[[], None]:
        """Call ``listener`` with every event (of one run), and ``on_stop`` when no more will come; returns the
        function that ends this."""
        key, self._next = self._next, self._next + 1
        self._listeners[key] = (run_id, listener)
        if on_stop is not None:
            self._on_stop[key] = on_stop
            if self._stopped is not None:
                on_stop(self._stopped)

        def unsubscribe() -> None:
            self._listeners.pop(key, None)
            self._on_stop.pop(key, None)

        return unsubscribe

    def publish(self, committed: list[tuple[str, int, int, list[Event]]]) -> None:
        if not self._listeners:
            return
        for run_id, first_seq, at, events in committed:
            listeners = [fn for only, fn in self._listeners.values() if only is None or only == run_id]
            if not listeners:
                continue
            for i, (type_, data) in enumerate(events):
                shown = present_event({"run_id": run_id, "seq": first_seq + i, "at": at, "type": type_, **data})
                for listener in listeners:
                    try:
                        listener(shown)
                    except Exception as error:
                        self._on_listener_error(error)

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

    def start(self) -> None:
        """Events come again."""
        self._stopped = None

    def stop(self, error: BaseException) -> None:
        """No more events will come: whoever waits for one is told why."""
        self._stopped = error
        waiters, self._waiters = self._waiters, defaultdict(list)
        for futures in waiters.values():
            for future in futures:
                _fail(future, error)
        for on_stop in list(self._on_stop.values()):
            on_stop(error)


def _fail(future: asyncio.Future[RunHeader], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # whoever awaits it still sees it; nobody is warned if none does

"""Chaos: an engine that dies, whose store fails, and to which everything is told twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypeVar

from weft_core.engine.patience import PatientReads
from weft_core.engine.timers import Due, TimerQueue
from weft_core.errors import CommitUnknownError, StorageError, StorageUnavailableError
from weft_core.ports import Clock, Op, Storage
from weft_core.testing.chance import Faults, checked_rate
from weft_core.testing.crashing import SimulatedCrash
from weft_core.testing.intercepting import InterceptingStorage, reopened

T = TypeVar("T")

EngineFault = Literal["engine_crash", "storage_fault", "duplicate_delivery"]
ENGINE_FAULTS: tuple[EngineFault, ...] = ("engine_crash", "storage_fault", "duplicate_delivery")


class Chaos(Faults):
    """Faults of an engine, each with its probability: ``TestEngine(chaos=Chaos(engine_crash=0.1, seed=7))``.

    ``engine_crash``: at a write the process dies, before or after it. ``TestEngine.run`` opens the store again and goes
    on; any other call raises ``SimulatedCrash``.
    ``storage_fault``: a call to the store fails, a commit perhaps after it was written (G17). An engine that gives up
    on its store is opened again, too.
    ``duplicate_delivery``: a signal with its id, the outcome of an activity, or a timer that fires comes twice; counted
    as ``duplicate_signal``, ``duplicate_outcome`` and ``duplicate_timer``, and together as ``duplicate_delivery``.

    Each kind happens ``at_most`` so often, so that every run ends.
    """

    def __init__(
        self,
        *,
        engine_crash: float = 0.0,
        storage_fault: float = 0.0,
        duplicate_delivery: float = 0.0,
        seed: str | int = 1,
        at_most: int = 100,
    ) -> None:
        rates = zip(ENGINE_FAULTS, (engine_crash, storage_fault, duplicate_delivery))
        self._rates: dict[str, float] = {kind: checked_rate(rate, kind) for kind, rate in rates}
        super().__init__(seed, [kind for kind, rate in self._rates.items() if rate])
        self._at_most = at_most

    def crashes(self) -> bool:
        """Whether the process dies at this write."""
        return self._happens("engine_crash")

    def fails(self) -> bool:
        """Whether this call to the store fails."""
        return self._happens("storage_fault")

    def repeats(self, what: str) -> bool:
        """Whether this comes a second time."""
        happens = self._happens("duplicate_delivery")
        if happens:
            self.counts[f"duplicate_{what}"] += 1
        return happens

    def one_of(self, among: Sequence[T]) -> T:
        return self._pick(among)

    def _happens(self, kind: str) -> bool:
        happens = self.counts[kind] < self._at_most and self._strikes(self._rates[kind])
        if happens:
            self.counts[kind] += 1
        return happens


class ChaosStorage(InterceptingStorage):
    """A store in which ``chaos`` happens."""

    def __init__(self, inner: Storage, chaos: Chaos) -> None:
        super().__init__(inner)
        self.chaos = chaos
        self.dead = False

    def reopen(self) -> ChaosStorage:
        """What the next process finds."""
        return ChaosStorage(reopened(self.inner), self.chaos)

    async def reading(self, call: Callable[[], Awaitable[T]]) -> T:
        self._live()
        if self.chaos.fails():
            raise StorageUnavailableError(store="chaos", reason="simulated outage")
        result = await call()
        self._live()
        return result

    async def writing(self, call: Callable[[], Awaitable[T]], ops: Sequence[Op]) -> T:
        self._live()
        dies = self.chaos.crashes()
        fails = not dies and self.chaos.fails()
        if not dies and not fails:
            result = await call()
            self._live()
            return result
        written = self.chaos.one_of((False, True))
        if written:
            await call()
        self.dead = dies
        self._live()
        raise self._trouble(written)

    def _trouble(self, written: bool) -> StorageError:
        if not written and self.chaos.one_of((False, True)):
            return StorageUnavailableError(store="chaos", reason="simulated outage")
        return CommitUnknownError(store="chaos", reason="simulated break during the commit")

    def _live(self) -> None:
        if self.dead:
            raise SimulatedCrash("simulated crash of chaos")


class RepeatingTimers(TimerQueue):
    """Timers of which ``chaos`` lets some fire twice."""

    def __init__(self, storage: PatientReads, clock: Clock, wake: Callable[[], None], chaos: Chaos) -> None:
        super().__init__(storage, clock, wake)
        self._chaos = chaos

    async def take_due(self) -> Due:
        due = await super().take_due()
        return Due(self._repeated(due.runs), self._repeated(due.schedules), due.damaged)

    def _repeated(self, timers: list[T]) -> list[T]:
        return [one for timer in timers for one in [timer] * (1 + self._chaos.repeats("timer"))]

"""When and whether a failed activity is tried again."""

from __future__ import annotations

from dataclasses import dataclass, field

from weft_core.errors import ActivityFailedError, InvalidInputError
from weft_core.model.durations import Duration, duration_ms


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with jitter.

    The wait before attempt ``n + 1`` is ``initial_interval * backoff ** (n - 1)``, at most ``max_interval``, then moved
    by up to ``jitter`` of itself either way. An attempt that was cut off, by a crash or because its engine was closed
    while it waited, counts as an attempt: with ``max_attempts=1`` it is not made again.
    Errors whose class, or whose class name, is in ``non_retryable`` are final at once; so is an ``ActivityFailedError``
    whose ``error_type`` is, and an error that says so itself by a true attribute ``non_retryable``.
    """

    max_attempts: int = 3
    initial_interval: Duration = 1.0
    backoff: float = 2.0
    max_interval: Duration = 60.0
    jitter: float = 0.2
    non_retryable: tuple[type[BaseException] | str, ...] = ()
    _initial_ms: int = field(init=False, repr=False, default=0)
    _max_ms: int = field(init=False, repr=False, default=0)

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise InvalidInputError(call="RetryPolicy", reason=f"max_attempts is {self.max_attempts}, not at least 1")
        if not 0 <= self.jitter <= 1 or self.backoff < 1:
            raise InvalidInputError(call="RetryPolicy", reason="jitter must be within 0..1 and backoff at least 1")
        object.__setattr__(self, "_initial_ms", duration_ms(self.initial_interval, "RetryPolicy.initial_interval"))
        object.__setattr__(self, "_max_ms", duration_ms(self.max_interval, "RetryPolicy.max_interval"))

    def delay_ms(self, attempt: int, chance: float) -> int:
        """Milliseconds to wait after failed ``attempt`` (from 1); ``chance`` in [0, 1) decides the jitter."""
        try:
            base = min(self._initial_ms * self.backoff ** min(attempt - 1, 64), self._max_ms)
        except OverflowError:
            base = self._max_ms
        return max(0, round(base * (1 + self.jitter * (2 * chance - 1))))

    def is_final(self, error: BaseException) -> bool:
        """True if ``error`` is not worth another attempt."""
        if getattr(error, "non_retryable", False) is True:
            return True
        names = {cls.__name__ for cls in type(error).__mro__}
        if isinstance(error, ActivityFailedError):
            names.add(error.facts.get("error_type", ""))
        return any(k in names if isinstance(k, str) else isinstance(error, k) for k in self.non_retryable)


DEFAULT_RETRY = RetryPolicy()
AFTER_CRASHES_ONLY = RetryPolicy(max_attempts=100, initial_interval=0, non_retryable=("Exception",))
"""Any error is final; an attempt that a crash cut off is made again."""

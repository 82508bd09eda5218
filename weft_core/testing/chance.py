"""Chance that repeats, and faults that are counted."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from weft_core.errors import InvalidInputError

T = TypeVar("T")


class Faults:
    """Faults that happen by chance. The same seed and the same calls give the same faults."""

    def __init__(self, seed: str | int, kinds: Sequence[str]) -> None:
        self.seed = seed
        self.counts: Counter[str] = Counter()
        """How often each kind of fault has happened."""
        self._kinds = tuple(kinds)
        self._draws = 0

    def assert_happened(self, *kinds: str) -> None:
        """``AssertionError`` unless each of these faults (without any: each that was asked for) has really happened."""
        missing = [kind for kind in kinds or self._kinds if not self.counts[kind]]
        if missing:
            raise AssertionError(
                f"faults that never happened: {', '.join(missing)}; with seed {self.seed!r} there were "
                f"{dict(self.counts) or 'none'}. Raise the rate, let more happen, or take another seed"
            )

    def _strikes(self, rate: float) -> bool:
        return rate > 0 and self._draw() < rate

    def _pick(self, among: Sequence[T]) -> T:
        return among[int(self._draw() * len(among))]

    def _draw(self) -> float:
        """The next number in [0, 1)."""
        self._draws += 1
        digest = hashlib.sha256(f"{self.seed}|{self._draws}".encode()).digest()
        return int.from_bytes(digest[:6], "big") / 2**48


def checked_rate(rate: float, what: str) -> float:
    """A probability. Others: ``InvalidInputError``."""
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise InvalidInputError(call="chaos", reason=f"{what} is {rate!r}, not a number between 0 and 1")
    return rate

"""Has the disk lately been quick? Then a commit in the event loop's own thread is the cheaper one."""

from __future__ import annotations

QUICK_S = 0.0015
"""As long as commits take less on average, they are quick. Handing one to the thread costs 0.1 to 0.2 ms if a processor
is free, and more if not; this is how long the event loop may stand still to save that."""

MOST_PAGES = 64
"""More than this is not done in the event loop, however quick the disk is: 64 rows, or 256 KiB."""

_WEIGHT = 1 / 8
"""Of the last commit in the average. One that takes 10 ms is enough to make it slow, one of 3 ms is not: a process that
has to wait for a processor sees many of those."""

_MOST_S = 100 * QUICK_S
_PROOF = 8
_MOST_PROOF = 1024
_LASTING = 64


class Pace:
    """Judges by the times that are reported to it.

    A moving average above the limit ends :attr:`quick`, at once, wherever the commit was made. It begins again when
    the average has been below it for so many commits of the thread in a row: eight, and each time it lasted for less
    than 64 commits twice as many as the time before, up to 1,024. So a disk that is slow now and then costs the event
    loop little, and one that is always slow nothing.
    """

    def __init__(self) -> None:
        self.quick = False
        self._average = QUICK_S
        self._needed = _PROOF
        self._in_a_row = 0
        self._lasted = 0

    def in_loop(self, seconds: float) -> None:
        """The event loop stood still for so long."""
        self._lasted += 1
        self._count(seconds)

    def in_thread(self, seconds: float, pages: int) -> None:
        """The thread took so long for about so many pages, not counting what it waited for other processes."""
        if pages > MOST_PAGES and seconds > QUICK_S:
            return  # a large one may take its time; that says nothing about the disk
        self._count(seconds)
        if not self.quick and self._in_a_row >= self._needed:
            self.quick, self._lasted = True, 0

    def _count(self, seconds: float) -> None:
        self._average += (min(seconds, _MOST_S) - self._average) * _WEIGHT
        if self._average < QUICK_S:
            self._in_a_row += 1
            return
        if self.quick:
            self._needed = min(2 * self._needed, _MOST_PROOF) if self._lasted < _LASTING else _PROOF
        self.quick = False
        self._in_a_row = 0

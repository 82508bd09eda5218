"""Who waits for a shared object, in order of arrival. The first stand in its own record, the others in pages beside it,
so that a request writes what it changes, however long the line is (G3).

State: a list of those in the record, and ``[first, next]``, the numbers of the pages there are; a page that is empty
has no record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

PAGE = 64
"""Who stands in one record."""
Waiter = list[Any]


class Pages:
    """The pages of one line: as they are, and what one request makes of them."""

    def __init__(self, pages: Mapping[int, list[Waiter]]) -> None:
        self._pages = pages
        self.changed: dict[int, list[Waiter]] = {}

    def __getitem__(self, number: int) -> list[Waiter]:
        """Not to be changed."""
        return self.changed.get(number, self._pages.get(number, []))

    def __setitem__(self, number: int, page: list[Waiter]) -> None:
        self.changed[number] = page


class Line:
    """A line under way: ``head`` and ``numbers`` are its state."""

    def __init__(self, head: list[Waiter], numbers: list[int], pages: Pages) -> None:
        self.head, self.numbers, self._pages = head, numbers, pages

    def __len__(self) -> int:
        return len(self.head) + sum(len(self._pages[n]) for n in self._beside())

    def join(self, waiter: Waiter) -> None:
        """At the end."""
        first, after = self.numbers
        if first == after and len(self.head) < PAGE:
            self.head.append(waiter)
        elif first < after and len(self._pages[after - 1]) < PAGE:
            self._pages[after - 1] = [*self._pages[after - 1], waiter]
        else:
            self._pages[after] = [waiter]
            self.numbers[1] = after + 1

    def first(self) -> Waiter | None:
        """Who has waited longest leaves the line."""
        while not self.head and self.numbers[0] < self.numbers[1]:
            number = self.numbers[0]
            self.head, self._pages[number] = [*self._pages[number]], []
            self.numbers[0] = number + 1
        return self.head.pop(0) if self.head else None

    def remove(self, gone: Callable[[Waiter], bool]) -> None:
        self.head = [who for who in self.head if not gone(who)]
        for number in self._beside():
            page = self._pages[number]
            left = [who for who in page if not gone(who)]
            if len(left) < len(page):
                self._pages[number] = left

    def _beside(self) -> Iterator[int]:
        yield from range(*self.numbers)

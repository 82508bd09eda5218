"""Stand-ins for groupby and tee, whose iterators stand on one source together."""

from __future__ import annotations

import itertools
import operator
import weakref
from collections.abc import Mapping
from typing import Any, ClassVar

from weft_core.codec import register
from weft_core.codec.wire import damaged
from weft_core.frames.iterators.followed import ORIGINALS, Check, Followed, is_count, is_iterator, stands_for

# ------------------------------------------------------------------ groupby


@stands_for("groupby")
class GroupBy(Followed):
    """``ahead`` holds (key, item) that was taken and not given yet; ``target`` (key,) of the group that is open.

    A group of an older ``turn`` is over, whatever is left in it.
    """

    __slots__ = ("ahead", "it", "key", "target", "turn")
    checks: ClassVar[Mapping[str, Check]] = {
        "it": is_iterator, "turn": is_count,
        "ahead": lambda x: x is None or (type(x) is tuple and len(x) == 2),
        "target": lambda x: x is None or (type(x) is tuple and len(x) == 1),
    }  # fmt: skip

    def __init__(self, iterable: Any, key: Any = None) -> None:
        self.it, self.key, self.turn = iter(iterable), key, 0
        self.ahead: tuple[Any, Any] | None = None
        self.target: tuple[Any] | None = None

    def __next__(self) -> tuple[Any, Group]:
        self.turn += 1
        ahead = self.ahead
        while ahead is None or (self.target is not None and _equal(self.target[0], ahead[0])):
            ahead = self.step()
        self.target = (ahead[0],)
        return ahead[0], Group(self, ahead[0], self.turn)

    def step(self) -> tuple[Any, Any]:
        item = next(self.it)
        self.ahead = (item if self.key is None else self.key(item), item)
        return self.ahead


def _equal(a: Any, b: Any) -> bool:
    return a is b or bool(a == b)


@stands_for("_grouper")
class Group(Followed):
    __slots__ = ("of", "target", "turn")
    checks: ClassVar[Mapping[str, Check]] = {"of": lambda x: type(x) is GroupBy, "turn": is_count}

    def __init__(self, of: GroupBy, target: Any, turn: int) -> None:
        self.of, self.target, self.turn = of, target, turn

    def __next__(self) -> Any:
        of = self.of
        if of.turn != self.turn:
            raise StopIteration
        ahead = of.step() if of.ahead is None else of.ahead
        if not _equal(self.target, ahead[0]):
            raise StopIteration
        of.ahead = None
        return ahead[1]


# ------------------------------------------------------------------ tee


class Link:
    """One item that some of the iterators have not had yet, and the way to the next. The last link is empty."""

    __slots__ = ("__weakref__", "item", "next")

    def __init__(self) -> None:
        self.item: Any = None
        self.next: Link | None = None


class Source:
    """What the iterators of one ``tee`` stand on: ``last`` is the empty link where the next item will be put.

    ``behind`` is for restoring: the links that lead to the last, nearest first, as far as an iterator stands there.
    """

    __slots__ = ("behind", "it", "last")

    def __init__(self, it: Any) -> None:
        self.it = it
        self.begin()

    def begin(self) -> None:
        self.last = Link()
        self.behind = [weakref.ref(self.last)]

    def link_behind(self, items: list[Any]) -> Link:
        """The link from which ``items`` lead to the end; iterators of one source share their links."""
        if not hasattr(self, "last"):  # a source that is itself filled later
            self.begin()
        behind = self.behind
        link = behind[min(len(behind) - 1, len(items))]()
        while len(behind) <= len(items):
            following, link = link, Link()
            link.item, link.next = items[-len(behind)], following
            behind.append(weakref.ref(link))
        if link is None:
            raise damaged("a tee that nobody holds")
        return link


def _fill_source(v: Source, state: Any) -> None:
    if not is_iterator(state):
        raise damaged("a tee of something else")
    v.it = state
    if not hasattr(v, "last"):
        v.begin()


register(Source, name="itertools:_tee_source", get=lambda v: v.it, set=_fill_source)


class Tee(Followed):
    __slots__ = ("link", "source")

    def __init__(self, source: Source, link: Link) -> None:
        self.source, self.link = source, link

    def __next__(self) -> Any:
        link = self.link
        if link.next is None:
            item = next(self.source.it)
            link.item, link.next = item, Link()
            self.source.last = link.next
        self.link = link.next
        return link.item

    def __copy__(self) -> Tee:
        return Tee(self.source, self.link)


ORIGINALS[Tee] = type(itertools.tee(())[0])


def _waiting(v: Tee) -> list[Any]:
    """The source, and the items that this iterator will give before it asks the source."""
    out: list[Any] = [v.source]
    link = v.link
    while link.next is not None:
        out.append(link.item)
        link = link.next
    return out


def _fill_tee(v: Tee, state: Any) -> None:
    if type(state) is not list or not state or type(state[0]) is not Source:
        raise damaged("not the state of a tee")
    v.source = state[0]
    v.link = v.source.link_behind(state[1:])


register(Tee, name="itertools:_tee", get=_waiting, set=_fill_tee)


@stands_for("tee")
class tee(Followed):
    """``tee(iterable, n)`` gives a tuple, as the function does; a class so that it can be stored by name."""

    __slots__ = ()

    def __new__(cls, iterable: Any, n: int = 2, /) -> Any:
        n = operator.index(n)
        if n < 0:
            raise ValueError("n must be >= 0")
        it = iter(iterable)
        if type(it) is Tee:
            return tuple([Tee(it.source, it.link) for _ in range(n)])
        source = Source(it)
        return tuple([Tee(source, source.last) for _ in range(n)])

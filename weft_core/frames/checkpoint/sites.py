"""Sites: what is the same each time a frame is stored at one suspension point, made once and kept.

The packed record of a site names the function and the label and lists the variables; a checkpoint holds it as one
byte string, so writing it costs nothing and reading it is one dictionary lookup.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from weft_core.codec import wire
from weft_core.frames.labels import Label, exact_hash, label_sig, neighbours, stmt_hash, twins
from weft_core.frames.plan import Plan, stored_path


class Site:
    """How frames of ``plan`` that stand at ``label`` (None: not started) are written."""

    __slots__ = ("get", "label", "names", "plan", "record", "soft")

    def __init__(self, plan: Plan, label: Label | None, names: Sequence[str]) -> None:
        self.plan, self.label, self.names = plan, label, list(names)
        self.soft = frozenset(label.soft) if label is not None else frozenset()
        self.get = getter(self.names)
        self.record = _record(plan, label, self.names)


def getter(keys: Sequence[Any]) -> Callable[[Any], Sequence[Any]]:
    """``itemgetter`` that gives a sequence also for one key or none."""
    if len(keys) > 1:
        return itemgetter(*keys)
    if keys:
        only = keys[0]
        return lambda table: (table[only],)
    return lambda table: ()


def _record(plan: Plan, label: Label | None, names: list[str]) -> bytes:
    # The file's bare name is for people who look at a checkpoint; nothing depends on it.
    filename = plan.root.filename.replace("\\", "/").rpartition("/")[2]
    place: list[Any] = [filename, plan.root.key, stored_path(plan), plan.hash, plan.kind]
    if label is not None:
        place += [label.id, label.count, label_sig(label), stmt_hash(label), label.lineno]
        place += [exact_hash(label), twins(label, plan.labels), *neighbours(label, plan.labels)]
    else:
        place += ["", 0, "", "", 0, "", 0, b"", b""]
    return wire.pack([*place, *names], careful=True)


SITES: dict[tuple[int, int | None], Site] = {}
"""(id of a code object, which CODES keeps alive; number of the label) -> site."""


def site_of(code: Any, plan: Plan, pc: int | None) -> Site:
    """The site of a frame running ``code`` (kept alive by CODES) that stands at label ``pc``."""
    site = SITES.get((id(code), pc))
    if site is None or site.plan is not plan:
        label = plan.labels[pc - 1] if pc is not None else None
        names = label.save if label is not None else [n for n in plan.params if n in plan.user_locals]
        site = SITES[(id(code), pc)] = Site(plan, label, names)
    return site

"""Suspended Python functions as values: compile, store, resume, look into.

``durable`` marks a function, ``snapshot`` turns a graph of values with suspended functions in it into bytes,
``restore`` makes it again, ``evict`` drops it from memory without running any of its code.
"""

from __future__ import annotations

from dataclasses import dataclass

from ._interim import REGISTRY, durable, plan_of
from ._interim import dumps as snapshot
from ._interim import evict_all as evict
from ._interim import loads as restore
from ._interim import Restored
from ._codec_interim import register as _register
from . import runtime as _rt

_register(_rt.Star, name="weft:Star")


@dataclass(frozen=True)
class FrameView:
    """One suspended function as a tool shows it."""

    function: str
    filename: str
    lineno: int | None
    label: str
    locals: dict[str, object]


def stack(coro):
    """The durable frames of a suspended coroutine, outermost first."""
    from . import _interim as f

    out = []
    while coro is not None and hasattr(coro, "cr_await") or hasattr(coro, "gi_yieldfrom"):
        plan = plan_of(coro)
        if plan is None:
            break
        _, lb = f.position(coro)
        loc = f.read_locals(f._parts(coro)[1])
        out.append(FrameView(plan.where(), plan.root.filename, lb.lineno if lb else None, lb.id if lb else "start",
                             {k: v for k, v in loc.items() if not k.startswith(".")}))
        coro = f._parts(coro)[2]
    return out


__all__ = ["FrameView", "REGISTRY", "Restored", "durable", "evict", "restore", "snapshot", "stack"]

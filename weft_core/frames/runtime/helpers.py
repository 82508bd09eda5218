"""What generated code calls. :data:`RT` is its only way to the outside.

The names begin with a dot; they are closure variables of the generated functions, so that the author's modules stay
untouched and no global can hide a helper.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Final

from weft_core.errors import Evict
from weft_core.frames.contexts import rt_durably
from weft_core.frames.runtime.blocks import ReenterC, ReenterG, WithC, WithG, rt_aenter, rt_aexit
from weft_core.frames.runtime.iteration import (
    DEQUE_ITERATORS,
    DeadIter,
    DequeIter,
    DictIter,
    NextOnly,
    SetIter,
    rt_aiter,
    rt_anext,
    rt_followed,
    rt_iter,
)
from weft_core.frames.runtime.reraise import rt_evict_c, rt_fix, rt_rex, rt_stays_c, rt_stays_g
from weft_core.frames.runtime.star import Star, rt_starfinish, rt_starmatch, rt_starraised

__all__ = ["DEQUE_ITERATORS", "RT", "DeadIter", "DequeIter", "DictIter", "NextOnly", "SetIter", "Star", "U"]


class _Unset:
    __slots__ = ()

    def __repr__(self) -> str:
        return "<unset>"


U: Final = _Unset()
"""Stands for a local that is not bound."""


def rt_visible(names: Any) -> Any:
    """What ``locals()``, ``vars()`` or ``dir()`` gave, without hidden names."""
    if isinstance(names, list):
        return [n for n in names if not n.startswith(".")]
    return {n: value for n, value in names.items() if not n.startswith(".")}


RT: Mapping[str, Any] = {
    ".U": U,
    ".BaseException": BaseException,
    ".StopAsyncIteration": StopAsyncIteration,
    ".slice": slice,
    ".visible": rt_visible,
    ".set": set,
    # for
    ".iter": rt_iter,
    ".aiter": rt_aiter,
    ".anext": rt_anext,
    ".chain": itertools.chain,
    ".N1": (None,),
    ".followed": rt_followed,
    # with
    ".withC": WithC,
    ".withG": WithG,
    ".reenterC": ReenterC,
    ".reenterG": ReenterG,
    ".aenter": rt_aenter,
    ".aexit": rt_aexit,
    ".durably": rt_durably,
    # try
    ".evictC": rt_evict_c,
    ".Evict": Evict,
    ".staysC": rt_stays_c,
    ".staysG": rt_stays_g,
    ".rex": rt_rex,
    ".fix": rt_fix,
    ".star": Star,
    ".starmatch": rt_starmatch,
    ".starraised": rt_starraised,
    ".starfinish": rt_starfinish,
}

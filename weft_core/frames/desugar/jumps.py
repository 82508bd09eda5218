"""``return``, ``break`` and ``continue`` that pass through suspending ``finally`` blocks.

A jump out of such a block first notes its kind (and value) in the block's hidden locals, so that a checkpoint taken
inside the ``finally`` knows where to go when it ends. A jump *inside* a ``finally`` abandons what was pending there.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from weft_core.frames.desugar.context import Desugar, Enclosing, Final
from weft_core.frames.nodes import (
    BREAK_PENDING,
    CONTINUE_PENDING,
    NOWHERE,
    RETURN_PENDING,
    TryFin,
    assign,
    assign_all,
    at,
    clear,
    const,
    name,
)


def desugar_return(d: Desugar, s: ast.Return) -> list[ast.stmt]:
    s.value = d.expr(s.value)
    passed = [b for b in d.enclosing if isinstance(b, TryFin)]
    left = _left_at_once(d.enclosing)
    if not passed and not left:
        return [s]
    value = s.value or const(None)
    out: list[ast.stmt]
    if passed:
        kept = f".fv{passed[-1].depth}"
        out = [
            at(assign_all([f".fv{b.depth}" for b in reversed(passed)], value), s),
            at(assign_all([f".fk{b.depth}" for b in passed], const(RETURN_PENDING)), s),
        ]
        for b in passed:
            b.jumps.add(RETURN_PENDING)
    else:
        kept = ".rv"
        out = [at(assign(kept, value), s)]
    out += _abandon_pending(left)
    return [*out, at(ast.Return(value=None if d.is_async_generator else name(kept)), s)]


def desugar_break(d: Desugar, s: ast.Break) -> list[ast.stmt]:
    return _jump(d, s, BREAK_PENDING)


def desugar_continue(d: Desugar, s: ast.Continue) -> list[ast.stmt]:
    return _jump(d, s, CONTINUE_PENDING)


def _jump(d: Desugar, s: ast.Break | ast.Continue, kind: int) -> list[ast.stmt]:
    inner: list[Enclosing] = []  # the blocks between here and the loop
    for b in reversed(d.enclosing):
        if b == "loop":
            break
        inner.insert(0, b)
    passed = [b for b in reversed(inner) if isinstance(b, TryFin)]
    out: list[ast.stmt] = []
    if passed:
        for b in passed:
            b.jumps.add(kind)
        out.append(at(assign_all([f".fk{b.depth}" for b in passed], const(kind)), s))
    return [*out, *_abandon_pending(_left_at_once(inner)), s]


def _left_at_once(blocks: Sequence[Enclosing]) -> list[Final]:
    """The suspending finally blocks that a jump leaves at once, i.e. without another one that runs first."""
    out: list[Final] = []
    for b in reversed(blocks):
        if isinstance(b, TryFin):
            break
        if isinstance(b, Final):
            out.append(b)
    return out


def _abandon_pending(left: list[Final]) -> list[ast.stmt]:
    """Drop the pending exception of blocks that are left: it would stay alive in a cycle through its traceback."""
    return [at(clear(f".fx{b.depth}"), NOWHERE) for b in left]

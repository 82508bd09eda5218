"""How deep the blocks of a function are nested, as CPython's compiler counts them."""

from __future__ import annotations

import ast
from collections.abc import Sequence

ROOM = 18
"""CPython refuses functions whose blocks are nested more than 20 deep; two are left for what is not counted here."""


def blocks_deep(stmts: Sequence[ast.AST]) -> int:
    """The deepest nesting of loops, ``with`` and ``try`` blocks in these statements."""
    return max(map(_deep, stmts), default=0)


def _deep(s: ast.AST) -> int:
    if isinstance(s, (ast.For, ast.While)):
        return max(1 + blocks_deep(s.body), blocks_deep(s.orelse))
    if isinstance(s, ast.With):
        return len(s.items) + blocks_deep(s.body)
    if isinstance(s, (ast.Try, ast.TryStar)):
        inside = bool(s.handlers) + blocks_deep(s.body)
        handling = max((2 + blocks_deep(h.body) for h in s.handlers), default=0)
        around = 1 if s.finalbody else 0
        return max(around + max(inside, handling, blocks_deep(s.orelse)), 1 + blocks_deep(s.finalbody))
    if isinstance(s, ast.If):
        return max(blocks_deep(s.body), blocks_deep(s.orelse))
    if isinstance(s, ast.Match):
        return max(blocks_deep(c.body) for c in s.cases)
    return 0

"""Captured variables of a resumed function's own that may be unbound.

The resume variant gets the cells of its captured variables from outside: to the interpreter they are another
function's, and reading an empty one is a NameError. In the author's function it is an UnboundLocalError. So where such
a variable is not certainly bound, the variant reads it through ``.own``.
"""

from __future__ import annotations

import ast
import copy
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from weft_core.frames.nodes import LOAD, NOWHERE, arguments, at, call

_Position = tuple[int, int]
_ALWAYS: _Position = (0, 0)
_NEVER: _Position = (sys.maxsize, 0)
_BINDING = (ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
_INLINED = sys.version_info >= (3, 12)  # a comprehension is part of the function around it


def read_own_cells(
    emitted: list[ast.stmt], body: Sequence[ast.stmt], captured: Iterable[str], params: Iterable[str]
) -> list[ast.stmt]:
    """``emitted`` with safe reads of what it captures; ``body`` is the function's that it was made from."""
    bound = _bound_from(body, set(captured), set(params))
    if not bound:
        return emitted
    reads = _Reads(bound)
    # the statements without a suspension are also those of the live variant
    return [made for s in copy.deepcopy(emitted) for made in reads.statements(s)]


def _bound_from(body: Sequence[ast.stmt], captured: set[str], params: set[str]) -> dict[str, _Position]:
    """The place behind which each variable is bound, without those that always are."""
    if not captured:
        return {}
    found = {n: _ALWAYS if n in params else _NEVER for n in captured}
    for s in body:
        if isinstance(s, _BINDING) and s.lineno > 0 and not (isinstance(s, ast.AnnAssign) and s.value is None):
            for n in _bound_by(s):
                if found.get(n) == _NEVER:
                    found[n] = (s.end_lineno or s.lineno, s.end_col_offset or s.col_offset)
    for s in body:
        for x in ast.walk(s):
            if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Del) and x.id in found:
                found[x.id] = _NEVER
            elif isinstance(x, ast.ExceptHandler) and x.name in found:
                found[x.name] = _NEVER
    return {n: place for n, place in found.items() if place != _ALWAYS}


def _bound_by(s: ast.stmt) -> list[str]:
    if isinstance(s, (ast.Import, ast.ImportFrom)):
        return [a.asname or a.name.partition(".")[0] for a in s.names]
    if isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [s.name]
    targets = s.targets if isinstance(s, ast.Assign) else [s.target] if isinstance(s, ast.AnnAssign) else []
    return [x.id for t in targets for x in ast.walk(t) if isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store)]


class _Reads(ast.NodeTransformer):
    """Replaces the reads in the function's own scope."""

    def __init__(self, bound: dict[str, _Position]) -> None:
        self.bound = bound

    def statements(self, s: ast.stmt) -> list[ast.stmt]:
        made = self.visit(s)
        return made if isinstance(made, list) else [made]

    def _unsure(self, n: ast.AST) -> bool:
        return isinstance(n, ast.Name) and (n.lineno, n.col_offset) < self.bound.get(n.id, _ALWAYS)

    def _read(self, n: ast.Name) -> ast.expr:
        # without a location, as the probe for cells: it is none of the author's lambdas
        look = at(ast.Lambda(args=arguments(), body=ast.Name(id=n.id, ctx=LOAD)), NOWHERE)
        return at(call(".own", look), n)

    def visit_Name(self, n: ast.Name) -> ast.expr:
        return self._read(n) if isinstance(n.ctx, ast.Load) and self._unsure(n) else n

    def visit_AugAssign(self, n: ast.AugAssign) -> list[ast.stmt]:
        self.generic_visit(n)
        if isinstance(n.target, ast.Name) and self._unsure(n.target):
            return [at(ast.Expr(self._read(n.target)), n), n]
        return [n]

    def visit_Delete(self, n: ast.Delete) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for target in n.targets:
            if isinstance(target, ast.Name) and self._unsure(target):
                out.append(at(ast.Expr(self._read(target)), n))
            out.append(at(ast.Delete(targets=[self.visit(target)]), n))
        return out

    # -- other scopes

    def visit_FunctionDef(self, node: Any) -> Any:
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        self._defaults(node.args)
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, n: ast.Lambda) -> ast.AST:
        self._defaults(n.args)
        return n

    def _defaults(self, a: ast.arguments) -> None:
        a.defaults = [self.visit(d) for d in a.defaults]
        a.kw_defaults = [d and self.visit(d) for d in a.kw_defaults]

    def visit_ClassDef(self, n: ast.ClassDef) -> ast.AST:
        for field in ("decorator_list", "bases", "keywords"):
            setattr(n, field, [self.visit(x) for x in getattr(n, field)])
        return n

    def _comprehension(self, node: Any) -> Any:
        first = node.generators[0]
        if _INLINED and not isinstance(node, ast.GeneratorExp):
            own = {x.id for g in node.generators for x in ast.walk(g.target) if isinstance(x, ast.Name)}
            outer, self.bound = self.bound, {v: place for v, place in self.bound.items() if v not in own}
            first_iter, first.iter = first.iter, ast.Constant(value=None)
            self.generic_visit(node)
            self.bound, first.iter = outer, first_iter
        first.iter = self.visit(first.iter)
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

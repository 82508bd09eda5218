"""Chained comparisons, and slices inside tuples, that contain a suspension.

``a < await b < c`` keeps ``b`` on the interpreter's stack between its two uses; here it becomes
``(a < (.q0 := await b)) and (.q0 < c)``, which evaluates each part once and in the same order.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from weft_core.frames.nodes import LOAD, Comprehension, at, call, const, name, walrus
from weft_core.frames.suspension import Suspends


class ExpressionDesugar(ast.NodeTransformer):
    """Rewrites an expression in place. ``operand()`` gives a new hidden local."""

    def __init__(self, suspends: Suspends, operand: Callable[[], str]) -> None:
        self.suspends, self.operand = suspends, operand

    def visit(self, node: ast.AST) -> Any:
        return super().visit(node) if self.suspends(node) else node

    def defaults(self, a: ast.arguments) -> None:
        a.defaults = [self.visit(x) for x in a.defaults]
        a.kw_defaults = [x and self.visit(x) for x in a.kw_defaults]

    def visit_Lambda(self, n: ast.Lambda) -> ast.expr:
        self.defaults(n.args)
        return n

    def comprehension(self, node: Comprehension) -> ast.expr:
        node.generators[0].iter = self.visit(node.generators[0].iter)
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = comprehension

    def visit_Subscript(self, n: ast.Subscript) -> ast.expr:
        n.value = self.visit(n.value)
        n.slice = self.visit(n.slice)
        if isinstance(n.slice, ast.Tuple) and any(isinstance(x, ast.Slice) for x in n.slice.elts):
            n.slice = at(slice_as_value(n.slice), n.slice)
        return n

    def visit_Compare(self, n: ast.Compare) -> ast.expr:
        hot = [self.suspends(c) for c in n.comparators]
        self.generic_visit(n)
        if not any(hot[1:]):
            return n
        parts: list[ast.expr] = []
        left = n.left
        for op, c in zip(n.ops[:-1], n.comparators[:-1], strict=True):
            kept = self.operand()
            parts.append(at(ast.Compare(left=left, ops=[op], comparators=[at(walrus(kept, c), c)]), n))
            left = at(name(kept), c)
        parts.append(at(ast.Compare(left=left, ops=[n.ops[-1]], comparators=[n.comparators[-1]]), n))
        self.suspends.forget(n)
        return at(ast.BoolOp(op=ast.And(), values=parts), n)


def slice_as_value(node: ast.expr) -> ast.expr:
    """``a:b`` is legal directly inside ``[]`` only; make it an ordinary value."""
    if isinstance(node, ast.Slice):
        return call(".slice", *[x if x is not None else const(None) for x in (node.lower, node.upper, node.step)])
    if isinstance(node, ast.Tuple) and any(isinstance(x, ast.Slice) for x in node.elts):
        return ast.Tuple(elts=[slice_as_value(x) for x in node.elts], ctx=LOAD)
    return node

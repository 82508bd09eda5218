"""``locals()``, ``vars()``, ``dir()`` and ``exec`` in a durable function, which has more locals than its author wrote.

The first three get a copy without our hidden names. ``exec`` without a namespace would leave its results in a place
that is no variable, which a checkpoint cannot see: it is refused.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from weft_core.frames.nodes import FUNCTIONS, at, call
from weft_core.frames.plan import Plan
from weft_core.frames.refusal import refusal

_READERS = frozenset(("locals", "vars", "dir"))


def hide_our_names(p: Plan, stmts: list[ast.stmt], is_global: Callable[[str], bool]) -> list[ast.stmt]:
    """The statements of a function, rewritten in place. Raises TransformError for ``exec`` without a namespace."""
    rewrite = _Rewrite(p, is_global)
    return [rewrite.visit(s) for s in stmts]


class _Rewrite(ast.NodeTransformer):
    def __init__(self, p: Plan, is_global: Callable[[str], bool]) -> None:
        self.plan, self.is_global = p, is_global

    def visit(self, node: ast.AST) -> Any:
        return node if isinstance(node, (*FUNCTIONS, ast.Lambda, ast.ClassDef)) else super().visit(node)

    def visit_Call(self, n: ast.Call) -> ast.expr:
        self.generic_visit(n)
        if not isinstance(n.func, ast.Name) or not self.is_global(n.func.id):
            return n
        if n.func.id in _READERS and not n.args and not n.keywords:
            return at(call(".visible", n), n)
        if n.func.id == "exec" and len(n.args) == 1 and not isinstance(n.args[0], ast.Starred) and not n.keywords:
            raise refusal(
                "exec without a namespace leaves names where no checkpoint can see them; give it a dict of its own, "
                "exec(code, names), and read them from there",
                n,
                reason="exec-without-namespace",
                function=self.plan.where(),
                filename=self.plan.root.filename,
                lines=self.plan.root.lines,
            )
        return n

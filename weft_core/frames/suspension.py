"""Does this piece of a function suspend?

A statement or expression *suspends* if running it may reach an ``await`` or ``yield`` of the same function. Only these
pieces are rewritten; everything else of the author's code is compiled as it stands.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from weft_core.frames.nodes import COMPREHENSIONS, FUNCTIONS, Comprehension, defaults_of


class Suspends:
    """``suspends(node)``, remembered by node. Call :meth:`forget` after a rewrite that adds or moves suspensions."""

    def __init__(self) -> None:
        self._known: dict[int, bool] = {}
        self._keep: list[ast.AST] = []  # an id may be used again once its node is gone

    def __call__(self, node: ast.AST | None) -> bool:
        if node is None:
            return False
        found = self._known.get(id(node))
        if found is None:
            found = self._known[id(node)] = self._compute(node)
            self._keep.append(node)
        return found

    def any(self, nodes: Iterable[ast.AST | None]) -> bool:
        return any(map(self, nodes))

    def forget(self, node: ast.AST | None = None) -> None:
        """Forget the answer for one node, or all answers."""
        if node is not None:
            self._known.pop(id(node), None)
            return
        self._known.clear()
        self._keep.clear()

    def in_comprehension(self, node: Comprehension) -> bool:
        """Does the comprehension suspend elsewhere than in its first iterable, which is evaluated outside it?"""
        for i, g in enumerate(node.generators):
            if g.is_async or self.any(g.ifs) or self(g.target) or (i and self(g.iter)):
                return True
        if isinstance(node, ast.DictComp):
            return self(node.key) or self(node.value)
        return self(node.elt)

    def _compute(self, node: ast.AST) -> bool:
        if isinstance(node, (ast.Await, ast.Yield, ast.YieldFrom, ast.AsyncFor, ast.AsyncWith)):
            return True
        # of a definition, only what is evaluated where it stands
        if isinstance(node, FUNCTIONS):
            return self.any(node.decorator_list) or self.any(defaults_of(node.args))
        if isinstance(node, ast.Lambda):
            return self.any(defaults_of(node.args))
        if isinstance(node, ast.ClassDef):
            return self.any(node.decorator_list) or self.any(node.bases) or self.any(k.value for k in node.keywords)
        if isinstance(node, COMPREHENSIONS):
            first = self(node.generators[0].iter)
            return first if isinstance(node, ast.GeneratorExp) else self.in_comprehension(node) or first
        return self.any(ast.iter_child_nodes(node))

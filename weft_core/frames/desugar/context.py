"""What the rewriting rules of one function share: hidden names, enclosing blocks, and how a rule is found.

Desugaring brings one function's statements into a form that can be re-entered: constructs that keep state inside the
interpreter (``async with``, ``async for``, a suspending ``finally``, ``except*``, chained comparisons ...) are spelled
out with hidden locals, as Python's language reference spells them out. Each ``desugar_*`` module holds the rules for
one family of statements; ``desugar.py`` joins them in a table.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from weft_core.frames.desugar.expressions import ExpressionDesugar
from weft_core.frames.nodes import FUNCTIONS, FunctionNode, TryFin, at
from weft_core.frames.refusal import refusal
from weft_core.frames.suspension import Suspends


@dataclass(frozen=True, slots=True)
class Final:
    """We are inside a suspending ``finally`` block of this depth."""

    depth: int


Enclosing = Literal["loop"] | TryFin | Final
Rule = Callable[["Desugar", Any], list[ast.stmt]]


class Desugar:
    """The rewriting of one function. ``stable(name)``: no closure can rebind this local while it is not looking."""

    def __init__(
        self,
        fn: FunctionNode,
        suspends: Suspends,
        stable: Callable[[str], bool],
        rules: Mapping[type[ast.stmt], Rule],
        *,
        filename: str,
        lines: Sequence[str],
        is_async_generator: bool,
    ) -> None:
        self.fn, self.suspends, self.stable, self.rules = fn, suspends, stable, rules
        self.filename, self.lines = filename, lines
        self.is_async_generator = is_async_generator
        self.enclosing: list[Enclosing] = []
        self._depth: dict[str, int] = {}
        self._operands = 0

    # -- hidden names

    def depth(self, kind: str) -> int:
        return self._depth.get(kind, 0)

    def hidden(self, kind: str) -> str:
        """The hidden local of ``kind`` at this nesting; blocks that are not nested share it."""
        return f".{kind}{self.depth(kind)}"

    @contextmanager
    def deeper(self, *kinds: str) -> Iterator[None]:
        """Inside, hidden locals of these kinds have other names than outside."""
        for k in kinds:
            self._depth[k] = self.depth(k) + 1
        try:
            yield
        finally:
            for k in kinds:
                self._depth[k] -= 1

    def operand(self) -> str:
        """A new hidden local for a value that the current statement keeps."""
        self._operands += 1
        return f".q{self._operands - 1}"

    def restart_operands(self) -> None:
        """No kept value of an earlier statement is used any more."""
        self._operands = 0

    @contextmanager
    def within(self, block: Enclosing) -> Iterator[None]:
        self.enclosing.append(block)
        try:
            yield
        finally:
            self.enclosing.pop()

    # -- rewriting

    def expr(self, node: Any) -> Any:
        """Rewrite one expression (None stays None)."""
        if node is None or not self.suspends(node):
            return node
        return ExpressionDesugar(self.suspends, self.operand).visit(node)

    def block(self, stmts: Sequence[ast.stmt]) -> list[ast.stmt]:
        """Rewrite statements; never empty."""
        out: list[ast.stmt] = []
        for s in stmts:
            out += self.stmt(s)
        return out or [at(ast.Pass(), self.fn)]

    def optional_block(self, stmts: Sequence[ast.stmt]) -> list[ast.stmt]:
        """Rewrite an ``else`` or ``finally`` part that may be missing."""
        return self.block(stmts) if stmts else []

    def loop_body(self, stmts: Sequence[ast.stmt]) -> list[ast.stmt]:
        with self.within("loop"):
            return self.block(stmts)

    def stmt(self, s: ast.stmt) -> list[ast.stmt]:
        self.restart_operands()
        rule = self.rules.get(type(s))
        if rule is not None:
            return rule(self, s)
        if not self.suspends(s):
            return [s]
        if isinstance(s, (*FUNCTIONS, ast.ClassDef)):
            return [self._definition(s)]
        return [ExpressionDesugar(self.suspends, self.operand).visit(s)]

    def _definition(self, s: FunctionNode | ast.ClassDef) -> ast.stmt:
        """A nested definition: only what is evaluated where it stands."""
        rewrite = ExpressionDesugar(self.suspends, self.operand)
        s.decorator_list = [rewrite.visit(d) for d in s.decorator_list]
        if isinstance(s, ast.ClassDef):
            s.bases = [rewrite.visit(b) for b in s.bases]
            for k in s.keywords:
                k.value = rewrite.visit(k.value)
        else:
            rewrite.defaults(s.args)
        return s

    # -- refusals

    def refuse(self, message: str, node: ast.expr, reason: str) -> NoReturn:
        """Raise a TransformError that points at ``node``."""
        raise refusal(message, node, reason=reason, function=self.fn.name, filename=self.filename, lines=self.lines)

"""Numbering of suspension points, and the temporaries that half-evaluated expressions need.

In ``total + f(await x)`` the value of ``total`` and the function ``f`` lie on the interpreter's stack while ``x`` is
awaited. A frame's stack cannot be read, so every operand evaluated before a suspension of the same expression is put
into a temporary (``.t0``), unless evaluating it again gives the same value.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from weft_core.frames.evaluation_order import Operand, operands
from weft_core.frames.labels import Label
from weft_core.frames.nodes import SUSPENSIONS, FunctionNode, TryFin, notes_of

Range = tuple[int, int]
Temporary = tuple[str, bool]  # name, and whether it is soft: see Label


class Analysis:
    """The labels of one desugared function, and what is kept for each.

    ``stable(name)``: a local no closure can rebind. ``is_global(name)``: not a local of any function around.
    """

    def __init__(self, fn: FunctionNode, stable: Callable[[str], bool], is_global: Callable[[str], bool]) -> None:
        self.fn, self.stable, self.is_global = fn, stable, is_global
        self.labels: list[Label] = []
        self.kept: dict[int, list[str | None]] = {}  # id(expression) -> for each operand: its temporary, or None
        self._ranges: dict[int, Range] = {}
        self._alive: list[ast.AST] = []  # ids are keys above
        self._hidden: list[tuple[str, ...]] = []
        self._path: list[str] = []
        self._around: list[ast.AST | str] = []
        self._finals: list[int] = []
        self._statement: ast.AST = fn
        self._temporaries = 0
        self.body = fn.body
        self._block(self.body)

    # -- answers

    def range(self, node: ast.AST) -> Range | None:
        """The first and last label in ``node``, or None."""
        return self._ranges.get(id(node))

    def block_range(self, stmts: Sequence[ast.stmt]) -> Range | None:
        found = [r for r in map(self.range, stmts) if r]
        return (found[0][0], found[-1][1]) if found else None

    def label_of(self, node: ast.AST) -> Label:
        """The label of an await or yield: the last one in it, because its operand comes first."""
        return self.labels[self._ranges[id(node)][1] - 1]

    # -- numbering

    def _mark(self, node: ast.AST, first: int) -> None:
        last = len(self.labels)
        if last >= first:
            self._ranges[id(node)] = (first, last)
            self._alive.append(node)

    def _block(self, stmts: Sequence[ast.stmt]) -> None:
        for s in stmts:
            first = len(self.labels) + 1
            rule = _RULES.get(type(s))
            if rule is not None:
                rule(self, s)
            else:
                self._root(s, s)
            self._mark(s, first)

    def _root(self, e: ast.AST, statement: ast.AST) -> None:
        """Number one whole expression or simple statement, and find its temporaries."""
        self._temporaries = 0
        self._statement = statement
        self._number(e)
        if self.range(e):
            self._plan(e, ())

    def _header(self, e: ast.expr) -> None:
        """The expression in the head of a compound statement: the body may change without changing its labels."""
        self._root(e, e)

    def _number(self, n: ast.AST) -> None:
        first = len(self.labels) + 1
        for x in _parts(n):
            self._number(x)
        if isinstance(n, SUSPENSIONS):
            label = Label(len(self.labels) + 1, n, self._statement)
            label.hidden = frozenset(x for names in self._hidden for x in names)
            label.path, label.around = tuple(self._path), tuple(self._around)
            self.labels.append(label)
        self._mark(n, first)

    @contextmanager
    def _inside(self, hidden: tuple[str, ...], path: str | None, header: str) -> Iterator[None]:
        """A construct that keeps state, which a resume brings back; its header must then be the same."""
        self._hidden.append(hidden)
        if path:
            self._path.append(f"{path}:{header[:6]}")
        yield
        self._hidden.pop()
        if path:
            self._path.pop()

    def _block_in(self, stmts: Sequence[ast.stmt], *around: ast.AST | str) -> None:
        """A block that can be entered without any state: what is around it only helps to tell labels apart."""
        if stmts:
            self._around += around
            self._block(stmts)
            del self._around[-len(around) :]

    # -- compound statements

    def _if(self, s: ast.If) -> None:
        self._header(s.test)
        self._block_in(s.body, "if", s.test)
        self._block_in(s.orelse, "else", s.test)

    def _while(self, s: ast.While) -> None:
        self._header(s.test)
        note = notes_of(s)
        with self._inside(note.hidden, note.path, note.header):
            self._block_in(s.body, "while", s.test)
        self._block_in(s.orelse, "while-else", s.test)

    def _for(self, s: ast.For) -> None:
        self._header(s.iter)
        note = notes_of(s)
        with self._inside(_maybe(note.iterator), "for", note.header):
            self._block(s.body)
        self._block_in(s.orelse, "for-else", s.iter)

    def _with(self, s: ast.With) -> None:
        for item in s.items:
            self._header(item.context_expr)
        with self._inside(_maybe(notes_of(s).manager), "with", notes_of(s).header):
            self._block(s.body)

    def _try(self, s: ast.Try | ast.TryStar) -> None:
        note = notes_of(s)
        with self._inside(note.hidden, note.path, note.header):  # of an `async with`
            self._block_in(s.body, "try")
        for h in s.handlers:
            with self._inside(_maybe(notes_of(h).caught), "except", notes_of(h).header):
                self._block(h.body)
        self._block_in(s.orelse, "try-else")
        self._block_in(s.finalbody, "finally")

    def _try_fin(self, s: TryFin) -> None:
        self._finals.append(s.depth)
        note = notes_of(s)
        with self._inside(note.hidden, note.path, note.header):
            self._block_in(s.inner, "try")
        self._finals.pop()
        # a return, break or continue may be on its way through several finally blocks
        outer = tuple(x for d in self._finals for x in (f".fk{d}", f".fv{d}"))
        jumps = "".join(map(str, sorted(s.jumps)))
        with self._inside((f".fk{s.depth}", f".fx{s.depth}", f".fv{s.depth}", *outer), "finally", jumps):
            self._block(s.finalbody)

    def _match(self, s: ast.Match) -> None:
        self._header(s.subject)
        for c in s.cases:
            self._block_in(c.body, "case", c.pattern)

    def _assert(self, s: ast.Assert) -> None:
        self._root(s.test, s)
        if s.msg is not None:
            before = self._temporaries
            self._number(s.msg)
            if self.range(s.msg):
                self._plan(s.msg, ())
                self._temporaries = max(before, self._temporaries)

    def _nothing(self, s: ast.stmt) -> None:
        """A statement without expressions."""

    # -- temporaries

    def _plan(self, e: ast.AST, before: tuple[Temporary, ...]) -> None:
        """Decide which operands of ``e`` are kept; ``before`` are the temporaries that are set when it begins."""
        if isinstance(e, (ast.BoolOp, ast.IfExp)):
            for x in _parts(e):
                if self.range(x):
                    self._plan(x, before)
            return
        places = operands(e)
        nodes = [p.get() for p in places]
        last = max((i for i, x in enumerate(nodes) if self.range(x)), default=-1)
        kept: list[str | None] = [None] * len(nodes)
        current = before
        for i, (place, x) in enumerate(zip(places[: last + 1], nodes, strict=False)):
            if i == last:
                self._plan(x, current)
            elif not self._can_evaluate_again(e, place, x, nodes[i + 1 : last + 1]):
                if self.range(x):
                    self._plan(x, current)
                kept[i] = temporary = f".t{self._temporaries}"
                self._temporaries += 1
                soft = not place.is_starred and not self.range(x) and is_soft(x)
                current = (*current, (temporary, soft))
        self.kept[id(e)] = kept
        self._alive.append(e)
        if isinstance(e, SUSPENSIONS):
            self.label_of(e).temps = before

    def _can_evaluate_again(self, e: ast.AST, place: Operand, x: ast.expr, later: list[ast.expr]) -> bool:
        if self.range(x) or place.is_starred:
            return False
        rebound = {n.target.id for y in later for n in ast.walk(y) if isinstance(n, ast.NamedExpr)}
        return self._reevaluable(x, rebound, isinstance(e, ast.Call) and place.field == "func")

    def _reevaluable(self, e: ast.expr, rebound: set[str], is_function: bool) -> bool:
        """Does evaluating ``e`` again on resume give the same value, without a visible effect?"""
        if isinstance(e, ast.Constant):
            return True
        if isinstance(e, ast.Name):
            if e.id.startswith("."):
                return True  # a runtime helper, or a hidden local, which is never rebound mid-expression
            if self.stable(e.id):
                return e.id not in rebound
            return is_function and self.is_global(e.id)
        if isinstance(e, ast.Attribute):
            root = _chain_root(e)
            return is_function and isinstance(root, ast.Name) and self.is_global(root.id)
        if isinstance(e, ast.Lambda):
            return not e.args.defaults and not any(e.args.kw_defaults)
        if isinstance(e, ast.Tuple) and isinstance(e.ctx, ast.Load):
            return all(self._reevaluable(x, rebound, False) for x in e.elts)
        if isinstance(e, ast.JoinedStr):
            return all(isinstance(v, ast.Constant) for v in e.values)
        return False


def _parts(n: ast.AST) -> list[ast.expr]:
    """The operands of ``n``, also those that are evaluated only sometimes."""
    if isinstance(n, ast.BoolOp):
        return n.values
    if isinstance(n, ast.IfExp):
        return [n.test, n.body, n.orelse]
    return [p.get() for p in operands(n)]


def _maybe(identifier: str | None) -> tuple[str, ...]:
    return (identifier,) if identifier else ()


def _chain_root(e: ast.expr) -> ast.expr:
    while isinstance(e, ast.Attribute):
        e = e.value
    return e


def is_soft(e: ast.expr) -> bool:
    """A name, or attributes of a name or of ``super()``: saved if it can be stored, else evaluated again on resume."""
    root = _chain_root(e)
    return isinstance(root, ast.Name) or (isinstance(e, ast.Attribute) and _is_super(root))


def _is_super(e: ast.expr) -> bool:
    """``super(__class__, self)``, as zero-argument calls have been rewritten."""
    return (
        isinstance(e, ast.Call)
        and isinstance(e.func, ast.Name)
        and e.func.id == "super"
        and all(isinstance(a, ast.Name) for a in e.args)
    )


_RULES: dict[type[ast.stmt], Callable[[Analysis, Any], None]] = {
    ast.If: Analysis._if,
    ast.While: Analysis._while,
    ast.For: Analysis._for,
    ast.With: Analysis._with,
    ast.Try: Analysis._try,
    ast.TryStar: Analysis._try,
    TryFin: Analysis._try_fin,
    ast.Match: Analysis._match,
    ast.Assert: Analysis._assert,
    **dict.fromkeys(
        (ast.Global, ast.Nonlocal, ast.Import, ast.ImportFrom, ast.Pass, ast.Break, ast.Continue), Analysis._nothing
    ),
}

"""Which locals may still be read after each suspension point: only these are saved.

Backward data flow over the desugared tree, statement by statement. It is conservative: a name that is only perhaps
read counts as read. The set of names live *after* a statement goes in, the set live *before* it comes out; where else
control may go from the statement (an exception, ``return``, ``break``, ``continue``) is the :class:`Exits`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from weft_core.frames.analysis import Analysis, is_soft
from weft_core.frames.evaluation_order import operands
from weft_core.frames.nodes import COMPREHENSIONS, FUNCTIONS, SUSPENSIONS, TryFin, all_args, defaults_of, notes_of

Names = frozenset[str]
_NONE: Names = frozenset()


@dataclass(frozen=True, slots=True)
class Exits:
    """What is live where control goes when it leaves the statement other than at its end."""

    raised: Names = _NONE
    returned: Names = _NONE
    broken: Names = _NONE
    continued: Names = _NONE


def find_live_names(analysis: Analysis, names: Iterable[str]) -> None:
    """Fill ``label.live`` with those of ``names`` that may be read after the label."""
    flow = _Flow(analysis, frozenset(names))
    flow.block(analysis.body, _NONE, Exits())


class _Flow:
    def __init__(self, analysis: Analysis, names: Names) -> None:
        self.analysis, self.names = analysis, names
        self._uses: dict[int, Names] = {}
        self._loops: dict[tuple[int, Names, Exits], Names] = {}

    def uses(self, node: ast.AST) -> Names:
        """All names of ours that occur anywhere in ``node``.

        Bodies of nested functions are left out: what they use is captured, and captured variables are always saved.
        """
        found = self._uses.get(id(node))
        if found is not None:
            return found
        out: set[str] = set()
        todo: list[ast.AST] = [node]
        while todo:
            n = todo.pop()
            if isinstance(n, ast.Name):
                if n.id in self.names:
                    out.add(n.id)
            elif isinstance(n, FUNCTIONS):
                todo += n.decorator_list
                todo += defaults_of(n.args)
                if not notes_of(n).root:
                    todo += (a.annotation for a in all_args(n.args) if a.annotation is not None)
                    todo += [n.returns] if n.returns is not None else []
            elif isinstance(n, ast.Lambda):
                todo += defaults_of(n.args)
            else:
                todo.extend(ast.iter_child_nodes(n))
        self._uses[id(node)] = result = frozenset(out)
        return result

    # -- expressions

    def expr(self, e: ast.expr | None, after: Names, exits: Exits) -> Names:
        if e is None:
            return after
        if not self.analysis.range(e):
            return after | self.uses(e)  # a walrus in it kills a name: not used, to be conservative
        if isinstance(e, ast.BoolOp):
            # from any value on, control may go to the end
            before = self.expr(e.values[-1], after, exits)
            for v in reversed(e.values[:-1]):
                before = self.expr(v, before | after, exits)
            return before
        if isinstance(e, ast.IfExp):
            return self.expr(e.test, self.expr(e.body, after, exits) | self.expr(e.orelse, after, exits), exits)
        return self.parts(e, after, exits)

    def parts(self, e: ast.AST, after: Names, exits: Exits) -> Names:
        """The operands of an expression or simple statement, last first."""
        if isinstance(e, SUSPENSIONS):
            self.analysis.label_of(e).live |= after | exits.raised
            after = after | exits.raised
        nodes = [p.get() for p in operands(e)]
        kept = self.analysis.kept.get(id(e), [None] * len(nodes))
        last = max((i for i, x in enumerate(nodes) if self.analysis.range(x)), default=-1)
        if isinstance(e, ast.NamedExpr):
            after = after - {e.target.id}
        elif isinstance(e, COMPREHENSIONS):
            after = after | self.uses(e)
        # what a resume evaluates again must be there: it is used once more by every later operand
        again = [self.uses(x) if i < last and (kept[i] is None or is_soft(x)) else _NONE for i, x in enumerate(nodes)]
        before = after
        for i in range(len(nodes) - 1, -1, -1):
            before = self.expr(nodes[i], before.union(*again[:i]), exits)
        return before

    def target(self, t: ast.expr, after: Names) -> Names:
        """Before the store to ``t``."""
        if isinstance(t, ast.Name):
            return after - {t.id}
        if isinstance(t, ast.Starred):
            return self.target(t.value, after)
        if isinstance(t, (ast.Tuple, ast.List)):
            for x in reversed(t.elts):
                after = self.target(x, after)
            return after
        return after | self.uses(t)

    # -- statements

    def block(self, stmts: Sequence[ast.stmt], after: Names, exits: Exits) -> Names:
        for s in reversed(stmts):
            after = _RULES.get(type(s), _Flow.other)(self, s, after, exits) | exits.raised
        return after

    def other(self, s: ast.stmt, after: Names, exits: Exits) -> Names:
        if self.analysis.range(s):
            return self.parts(s, after, exits)
        return after | self.uses(s)

    def assign(self, s: ast.Assign, after: Names, exits: Exits) -> Names:
        if self.analysis.range(s) and any(self.analysis.range(p.get()) for p in operands(s)[1:]):
            return self.parts(s, after, exits)
        for t in reversed(s.targets):
            after = self.target(t, after)
        return self.expr(s.value, after | exits.raised, exits)

    def aug_assign(self, s: ast.AugAssign, after: Names, exits: Exits) -> Names:
        return self.expr(s.value, after | self.uses(s.target) | exits.raised, exits)

    def return_(self, s: ast.Return, after: Names, exits: Exits) -> Names:
        return self.expr(s.value, exits.returned, exits)

    def raise_(self, s: ast.Raise, after: Names, exits: Exits) -> Names:
        return self.other(s, exits.raised, exits)

    def break_(self, s: ast.Break, after: Names, exits: Exits) -> Names:
        return exits.broken

    def continue_(self, s: ast.Continue, after: Names, exits: Exits) -> Names:
        return exits.continued

    def import_(self, s: ast.Import | ast.ImportFrom, after: Names, exits: Exits) -> Names:
        return after - {a.asname or a.name.split(".")[0] for a in s.names}

    def definition(self, s: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, after: Names, exits: Exits) -> Names:
        after = (after - {s.name}) | self.uses(s)
        return self.parts(s, after, exits) if self.analysis.range(s) else after

    def assert_(self, s: ast.Assert, after: Names, exits: Exits) -> Names:
        return self.expr(s.test, after | self.expr(s.msg, exits.raised, exits), exits)

    def if_(self, s: ast.If, after: Names, exits: Exits) -> Names:
        return self.expr(s.test, self.block(s.body, after, exits) | self.block(s.orelse, after, exits), exits)

    def loop(self, s: ast.While | ast.For, after: Names, exits: Exits) -> Names:
        """Remembered: an outer loop asks twice at least, and in nested loops that multiplies."""
        key = (id(s), after, exits)
        found = self._loops.get(key)
        if found is None:
            found = self._loops[key] = (
                self.while_(s, after, exits) if isinstance(s, ast.While) else self.for_(s, after, exits)
            )
        return found

    def while_(self, s: ast.While, after: Names, exits: Exits) -> Names:
        orelse = self.block(s.orelse, after, exits)
        head = _NONE
        while True:
            body = self.block(s.body, head, replace(exits, broken=after, continued=head))
            wider = self.expr(s.test, body | orelse, exits) | head
            if wider == head:
                return head
            head = wider

    def for_(self, s: ast.For, after: Names, exits: Exits) -> Names:
        orelse = self.block(s.orelse, after, exits)
        head = orelse
        while True:
            body = self.block(s.body, head, replace(exits, broken=after, continued=head))
            wider = self.target(s.target, body) | orelse | head | exits.raised
            if wider == head:
                return self.expr(s.iter, head, exits)
            head = wider

    def with_(self, s: ast.With, after: Names, exits: Exits) -> Names:
        # __exit__ may swallow an exception: control goes on behind the block
        before = self.block(s.body, after, replace(exits, raised=exits.raised | after))
        for item in reversed(s.items):
            if item.optional_vars is not None:
                before = self.target(item.optional_vars, before)
            before = self.expr(item.context_expr, before, exits)
        return before

    def try_(self, s: ast.Try | ast.TryStar, after: Names, exits: Exits) -> Names:
        return self._try(s.body, s.handlers, s.orelse, s.finalbody, after, exits)

    def try_fin(self, s: TryFin, after: Names, exits: Exits) -> Names:
        return self._try(s.inner, [], [], s.finalbody, after, exits)

    def _try(
        self,
        body: list[ast.stmt],
        handlers: list[ast.ExceptHandler],
        orelse: list[ast.stmt],
        finalbody: list[ast.stmt],
        after: Names,
        exits: Exits,
    ) -> Names:
        if finalbody:
            # whichever way control leaves, it goes through the finally
            behind = after | exits.raised | exits.returned | exits.broken | exits.continued
            after = self.block(finalbody, behind, exits)
            exits = Exits(after, after, after, after)
        raised = exits.raised
        for h in handlers:
            before = self.block(h.body, after, exits)
            if h.name:
                before = before - {h.name}
            if h.type is not None:
                before = before | self.uses(h.type)
            raised = raised | before
        return self.block(body, self.block(orelse, after, exits), replace(exits, raised=raised))

    def match(self, s: ast.Match, after: Names, exits: Exits) -> Names:
        before = after
        for c in s.cases:
            before = before | self.block(c.body, after, exits) | self.uses(c.pattern)
            if c.guard is not None:
                before = before | self.uses(c.guard)
        return self.expr(s.subject, before, exits)


_RULES: dict[type[ast.stmt], Callable[[_Flow, Any, Names, Exits], Names]] = {
    ast.Assign: _Flow.assign,
    ast.AugAssign: _Flow.aug_assign,
    ast.Return: _Flow.return_,
    ast.Raise: _Flow.raise_,
    ast.Break: _Flow.break_,
    ast.Continue: _Flow.continue_,
    ast.Import: _Flow.import_,
    ast.ImportFrom: _Flow.import_,
    ast.FunctionDef: _Flow.definition,
    ast.AsyncFunctionDef: _Flow.definition,
    ast.ClassDef: _Flow.definition,
    ast.Assert: _Flow.assert_,
    ast.If: _Flow.if_,
    ast.While: _Flow.loop,
    ast.For: _Flow.loop,
    ast.With: _Flow.with_,
    ast.Try: _Flow.try_,
    ast.TryStar: _Flow.try_,
    TryFin: _Flow.try_fin,
    ast.Match: _Flow.match,
}

"""Expressions of the live and the resume variant.

Both variants keep operands in temporaries where the analysis says so. An await becomes, in the live variant,
``await (operand if (.pc := 3) else None)``: the number of the label is set after the operand's parts are evaluated and
before control leaves. The resume variant chooses, at the label it goes to, the stored pending operation (``.aw``)
instead of evaluating the operand, and skips everything before it.
"""

from __future__ import annotations

import ast
import copy
from typing import Any

from weft_core.frames.analysis import Analysis, Range, is_soft
from weft_core.frames.contexts import METHODS
from weft_core.frames.emit.guards import goes_beyond, goes_into, resuming
from weft_core.frames.evaluation_order import Operand, copy_with_operands, operands
from weft_core.frames.nodes import (
    COMPREHENSIONS,
    INTERPOLATIONS,
    LOAD,
    SUSPENSIONS,
    Comprehension,
    at,
    attribute,
    call,
    compare,
    const,
    name,
    not_,
    walrus,
)


class ExpressionEmit:
    """Emits the expressions of one variant; collects in ``temporaries`` those that a statement has used."""

    def __init__(self, analysis: Analysis, *, resume: bool) -> None:
        self.analysis, self.resume = analysis, resume
        self.temporaries: list[str] = []

    def expr(self, e: Any) -> Any:
        """The variant's form of an expression (None stays None)."""
        if e is None or not self.analysis.range(e):
            return e
        return at(self._suspending(e), e)

    def condition(self, test: ast.expr, body: Range | None, orelse: Range | None) -> ast.expr:
        """A test that sends a resume into body or orelse without being evaluated."""
        out: ast.expr = self.expr(test)
        if self.resume and orelse:
            out = at(ast.BoolOp(op=ast.And(), values=[not_(goes_into(orelse)), out]), test)
        if self.resume and body:
            out = at(ast.BoolOp(op=ast.Or(), values=[goes_into(body), out]), test)
        return out

    def _first(self, e: ast.AST) -> int:
        """The number of the first label in ``e``, which has one."""
        found = self.analysis.range(e)
        assert found is not None
        return found[0]

    def _suspending(self, e: ast.expr) -> ast.expr:
        if isinstance(e, ast.BoolOp):
            return self._bool_op(e)
        if isinstance(e, ast.IfExp):
            test = self.condition(e.test, self.analysis.range(e.body), self.analysis.range(e.orelse))
            return ast.IfExp(test=test, body=self.expr(e.body), orelse=self.expr(e.orelse))
        if isinstance(e, SUSPENSIONS):
            return self._suspension(e)
        if isinstance(e, COMPREHENSIONS):
            return self._comprehension(e)
        made: ast.expr = self.with_operands(e)
        return made

    def _bool_op(self, e: ast.BoolOp) -> ast.expr:
        out = ast.BoolOp(op=e.op, values=[])
        neutral = isinstance(e.op, ast.And)
        for i, v in enumerate(e.values):
            later = next((x for x in e.values[i + 1 :] if self.analysis.range(x)), None)
            value = self.expr(v)
            if later is not None and self.resume:
                value = at(ast.IfExp(test=goes_beyond(self._first(later)), body=const(neutral), orelse=value), v)
            out.values.append(value)
        return out

    def _comprehension(self, e: Comprehension) -> ast.expr:
        """``(.ci := iterable, [... for x in .ci])[1]``: a walrus is illegal inside a comprehension's iterable."""
        made: Any = copy.copy(e)
        made.generators = [copy.copy(g) for g in e.generators]
        first = e.generators[0].iter
        made.generators[0].iter = at(name(".ci"), first)
        pair = ast.Tuple(elts=[walrus(".ci", self.expr(first)), at(made, e)], ctx=LOAD)
        return ast.Subscript(value=pair, slice=const(1), ctx=LOAD)

    def _suspension(self, e: ast.Await | ast.Yield | ast.YieldFrom) -> ast.expr:
        n = self.analysis.label_of(e).n
        operand = e.value if e.value is not None else at(const(None), e)
        operand_suspends = self.analysis.range(operand)
        value = self.expr(operand)
        if _calls_contextlib(operand):
            value = at(call(".durably", value), operand)
        set_pc = walrus(".pc", const(n))
        # the resume ends here: .rs = 0, and the stored operation is taken from its box
        pending = ast.BoolOp(op=ast.Or(), values=[walrus(".rs", const(0)), call(attribute(".aw", "pop"))])
        made: Any = copy.copy(e)
        if operand_suspends:
            # labels inside the operand set .pc too: set it after the operand
            if self.resume:
                value = ast.IfExp(test=compare(resuming(), ast.Eq(), const(n)), body=pending, orelse=value)
            # not by way of a hidden local, which would keep what was awaited alive after the await
            evaluated = ast.Tuple(elts=[value, set_pc], ctx=LOAD)
            made.value = ast.Subscript(value=evaluated, slice=const(0), ctx=LOAD)
        elif self.resume:
            test: ast.expr = compare(resuming(), ast.Eq(), set_pc)
            made.value = ast.IfExp(test=test, body=pending, orelse=value)
        else:
            made.value = ast.IfExp(test=set_pc, body=value, orelse=const(None))
        at(made.value, e)
        result: ast.expr = made
        return result

    # -- operands that stay on the stack

    def with_operands(self, e: Any) -> Any:
        """A copy of an expression or simple statement with temporaries around its early operands."""
        kept = self.analysis.kept[id(e)]
        made = copy_with_operands(e)
        nodes = [p.get() for p in operands(e)]
        last = max(i for i, x in enumerate(nodes) if self.analysis.range(x))
        for i, (x, place) in enumerate(zip(nodes[: last + 1], operands(made), strict=False)):
            temporary = kept[i]
            if temporary is not None:
                later = next(y for y in nodes[i + 1 :] if self.analysis.range(y))
                place.put(self._kept(temporary, x, place, self._first(later)))
            elif i == last:
                place.put(self.expr(x))
        return made

    def _kept(self, temporary: str, x: Any, place: Operand, later: int) -> ast.expr:
        """``x``, put into a temporary; a resume that goes to ``later`` or beyond takes it from there."""
        self.temporaries.append(temporary)
        soft = is_soft(x) and not self.analysis.range(x)

        def keep(value: ast.expr) -> ast.expr:
            return at(self._keep(temporary, value, later, soft), x)

        if isinstance(x, ast.Starred):
            # unpacked into a list when its turn comes
            unpacked = at(ast.List(elts=[ast.Starred(value=self.expr(x.value), ctx=LOAD)], ctx=LOAD), x)
            return at(ast.Starred(value=keep(unpacked), ctx=LOAD), x)
        if isinstance(x, ast.FormattedValue):
            # formatted when its turn comes
            text = at(ast.JoinedStr(values=[self.with_operands(x) if self.analysis.range(x) else x]), x)
            return at(ast.FormattedValue(value=keep(text), conversion=-1, format_spec=None), x)
        if isinstance(x, INTERPOLATIONS):
            made: Any = copy.copy(x)
            made.value = keep(self.expr(made.value))
            return made  # type: ignore[no-any-return]
        if place.is_starred:
            # **x: likewise
            return keep(at(ast.Dict(keys=[None], values=[self.expr(x)]), x))
        if isinstance(x, ast.Slice):
            bounds = [y if y is not None else const(None) for y in (x.lower, x.upper, x.step)]
            return keep(at(call(".slice", *bounds), x))
        return keep(self.expr(x))

    def _keep(self, temporary: str, value: ast.expr, later: int, soft: bool) -> ast.expr:
        store = walrus(temporary, value)
        if not self.resume:
            return store
        test = goes_beyond(later)
        if soft:
            # left out of the checkpoint if it could not be stored
            is_there = compare(name(temporary), ast.IsNot(), name(".U"))
            test = ast.BoolOp(op=ast.And(), values=[test, is_there])
        return ast.IfExp(test=test, body=name(temporary), orelse=store)


def _calls_contextlib(e: ast.expr) -> bool:
    """May this be a call of a method of contextlib that must be replaced to be awaited?"""
    return isinstance(e, ast.Call) and isinstance(e.func, ast.Attribute) and e.func.attr in METHODS

"""``match`` with a guard that suspends.

Patterns are matched by a ``match`` statement that only notes the number of the case in a hidden local; bodies and
suspending guards come after it, as ordinary ``if`` statements that can be re-entered.
"""

from __future__ import annotations

import ast

from weft_core.frames.desugar.context import Desugar
from weft_core.frames.nodes import NOWHERE, assign, at, clear, const, equals, if_, name, not_, notes_of, start_of


def desugar_match(d: Desugar, s: ast.Match) -> list[ast.stmt]:
    s.subject = d.expr(s.subject)
    if not d.suspends.any(c.guard for c in s.cases):
        for c in s.cases:
            c.body = d.block(c.body)
        notes_of(s).selector = d.hidden("k")
        return [s]
    subject, selected = d.hidden("s"), d.hidden("k")
    out: list[ast.stmt] = [
        at(assign(subject, s.subject), s.subject),
        at(assign(selected, const(0)), NOWHERE),
        *_selection(d, s, subject, selected),
        at(clear(subject), NOWHERE),
    ]
    chain: list[ast.stmt] = []
    with d.deeper("s", "k"):
        for i, c in reversed(list(enumerate(s.cases, 1))):
            where = start_of(c.pattern)
            chain = [at(if_(at(equals(selected, i), where), d.block(c.body), chain), where)]
    d.suspends.forget()
    return out + chain


def _selection(d: Desugar, s: ast.Match, subject: str, selected: str) -> list[ast.stmt]:
    """Statements that set ``selected`` to the number of the first case that matches.

    A ``match`` statement for each run of cases up to a suspending guard; the guard follows, and unselects the case if
    it is false.
    """
    out: list[ast.stmt] = []
    run: list[ast.match_case] = []

    def flush() -> None:
        nonlocal run
        if run:
            match = at(ast.Match(subject=name(subject), cases=run), NOWHERE)
            notes_of(match).selector = ".unused"
            out.append(at(if_(equals(selected, 0), [match]), NOWHERE))
            run = []

    for i, c in enumerate(s.cases, 1):
        hot = c.guard is not None and d.suspends(c.guard)
        where = start_of(c.pattern)
        select: list[ast.stmt] = [at(assign(selected, const(i)), where)]
        run.append(ast.match_case(pattern=c.pattern, guard=None if hot else c.guard, body=select))
        if hot and c.guard is not None:
            flush()
            d.restart_operands()
            test = ast.BoolOp(op=ast.And(), values=[equals(selected, i), not_(d.expr(c.guard))])
            out.append(at(if_(at(test, c.guard), [at(assign(selected, const(0)), where)]), c.guard))
    flush()
    return out

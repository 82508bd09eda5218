"""``except*``: always spelled out when something in the statement suspends.

CPython keeps the state of an ``except*`` statement (the part of the group not handled yet, what the clauses raised) on
its stack. Here it is an object (:class:`weft_core.frames.runtime.star.Star`), and each clause is an ``if``.
"""

from __future__ import annotations

import ast

from weft_core.frames.desugar.context import Desugar
from weft_core.frames.desugar.try_statement import desugar_suspending_finally, desugar_try
from weft_core.frames.fingerprint import fingerprint
from weft_core.frames.nodes import (
    NOWHERE,
    assign,
    at,
    call,
    compare,
    const,
    handler,
    if_,
    name,
    notes_of,
    raise_,
    reraise,
    start_of,
    try_,
)


def desugar_try_star(d: Desugar, s: ast.TryStar) -> list[ast.stmt]:
    """
    ::

        try: body
        except BaseException as .sx:
            .st = Star(.sx)
            # per clause
            .sg = match(.st, type)
            if .sg is not None:
                try:
                    try: raise .sg
                    except BaseException as name: clause body
                except BaseException as .sy: .st.raised(.sy)
            .sr = finish(.st)
            if .sr is not None: raise .sr
        else: orelse
        finally: finalbody
    """
    if s.finalbody and d.suspends.any(s.finalbody):
        return desugar_suspending_finally(d, s)
    if not d.suspends(s):
        s.body = d.block(s.body)
        s.orelse = d.optional_block(s.orelse)
        s.finalbody = d.optional_block(s.finalbody)
        for h in s.handlers:
            h.body = d.block(h.body)
        return [s]
    state, caught, result = d.hidden("st"), d.hidden("sx"), d.hidden("sr")
    body: list[ast.stmt] = [at(assign(state, call(".star", name(caught))), NOWHERE)]
    for h in s.handlers:
        body += _clause(d, h, state)
    body.append(at(assign(result, call(".starfinish", name(state))), NOWHERE))
    body.append(at(if_(_is_not_none(result), [_raise_again(s, result)]), NOWHERE))
    whole = try_(
        body=s.body,
        handlers=[at(handler(".BaseException", caught, body), NOWHERE)],
        orelse=s.orelse,
        finalbody=s.finalbody,
    )
    d.suspends.forget()
    with d.deeper("st", "sg", "sx", "sy", "sr"):
        return desugar_try(d, at(whole, s))


def _clause(d: Desugar, h: ast.ExceptHandler, state: str) -> list[ast.stmt]:
    group, raised = d.hidden("sg"), d.hidden("sy")
    if h.type is None:  # pragma: no cover - not in the grammar
        return []
    if d.suspends(h.type):
        d.refuse(
            "an 'except*' clause cannot await in its type expression; evaluate it before the try and name the result",
            h.type,
            "await-in-except-type",
        )
    target = h.name or raised
    fix = at(ast.Expr(call(".fix", name(target))), NOWHERE)
    clause = at(handler(".BaseException", target, [fix, *h.body]), NOWHERE)
    notes_of(clause).header = fingerprint([h.type, h.name])
    run = try_(body=[at(raise_(call(".rex", name(group))), start_of(h))], handlers=[clause])
    note = at(ast.Expr(call(".starraised", name(state), name(raised))), NOWHERE)
    guarded = try_(body=[at(run, NOWHERE)], handlers=[at(handler(".BaseException", raised, [note]), NOWHERE)])
    return [
        at(assign(group, call(".starmatch", name(state), h.type)), h.type),
        at(if_(at(_is_not_none(group), NOWHERE), [at(guarded, NOWHERE)]), NOWHERE),
    ]


def _raise_again(s: ast.TryStar, result: str) -> ast.Try:
    """Raise what is left, with the context and traceback it already has."""
    fix = ast.Expr(call(".fix", name(result)))
    return try_(
        body=[at(raise_(call(".rex", name(result))), start_of(s))],
        handlers=[handler(".BaseException", None, [fix, at(reraise(), start_of(s))])],
    )


def _is_not_none(identifier: str) -> ast.Compare:
    return compare(name(identifier), ast.IsNot(), const(None))

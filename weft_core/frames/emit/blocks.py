"""``if``, loops, ``with``, ``match`` and ``assert`` that suspend."""

from __future__ import annotations

import ast
import copy

from weft_core.frames.emit.context import Emit
from weft_core.frames.emit.guards import goes_into, goes_up_to, not_resuming
from weft_core.frames.nodes import (
    NOWHERE,
    assign,
    at,
    call,
    clear,
    const,
    empty_tuple,
    equals,
    first_line,
    handler,
    if_,
    name,
    not_,
    notes_of,
    reraise,
    store,
    try_,
    walrus,
)

_NEW_LISTS = frozenset(("range", "sorted", "list", "tuple", "set", "dict", "frozenset", "str", "bytes"))
_WRAPPERS = frozenset(("enumerate", "reversed", "zip"))


def emit_declaration(em: Emit, s: ast.Global | ast.Nonlocal) -> list[ast.stmt]:
    """Declarations are hoisted to the head of both variants."""
    return []


def emit_assert(em: Emit, s: ast.Assert) -> list[ast.stmt]:
    test: ast.expr = em.expr(s.test)
    in_message = em.analysis.range(s.msg) if s.msg is not None else None
    if em.resume and in_message:
        # fail at once, to get into the message
        test = at(ast.BoolOp(op=ast.And(), values=[not_(goes_into(in_message)), test]), s.test)
    return [at(ast.Assert(test=test, msg=em.expr(s.msg)), s)]


def emit_if(em: Emit, s: ast.If) -> list[ast.stmt]:
    test = em.condition(s.test, em.range(s.body), em.range(s.orelse))
    return [at(ast.If(test=test, body=em.block(s.body), orelse=em.block(s.orelse)), s)]


def emit_while(em: Emit, s: ast.While) -> list[ast.stmt]:
    test = em.condition(s.test, em.range(s.body), em.range(s.orelse))
    return [at(ast.While(test=test, body=em.block(s.body), orelse=em.block(s.orelse)), s)]


# ------------------------------------------------------------------ for


def emit_for(em: Emit, s: ast.For) -> list[ast.stmt]:
    """
    ::

        for target in (.i := iter(iterable)): body          # live
        for .iv in chain([None], .i) if .rs else ...:       # resume: the first item is a stand-in,
            if not .rs: target = .iv                        # the target has its saved value
            body
    """
    iterator = notes_of(s).iterator
    source: ast.expr = em.expr(s.iter)
    target, body = s.target, em.block(s.body)
    if iterator is not None:
        source = call(".iter", source)
        source = at(walrus(iterator, source), s.iter)
    in_orelse, in_body = em.range(s.orelse), em.range(s.body)
    if em.resume and in_orelse:
        # an empty loop, to get into the else part
        source = at(ast.IfExp(test=goes_into(in_orelse), body=empty_tuple(), orelse=source), s.iter)
    if em.resume and iterator is not None and in_body:
        again = call(".chain", name(".N1"), name(iterator))
        source = at(ast.IfExp(test=goes_into(in_body), body=again, orelse=source), s.iter)
        item = iterator.replace(".i", ".iv")
        body = [at(if_(not_resuming(), [at(assign(target, name(item)), target)]), target), *body]
        target = at(store(item), target)
    loop = at(ast.For(target=target, iter=source, body=body, orelse=em.block(s.orelse), type_comment=None), s)
    return [loop] if iterator is None else _release(em, s, loop, iterator)


def _release(em: Emit, s: ast.For, loop: ast.For, iterator: str) -> list[ast.stmt]:
    """Drop the iterator as soon as the loop is left, also by an exception, as the interpreter would: a generator's
    ``finally`` runs then."""
    drop = at(clear(iterator), NOWHERE)
    if _is_plain_iterable(s.iter):
        return [loop, drop]
    if em.lean:
        return [at(try_(body=[loop], finalbody=[at(clear(iterator), first_line(loop))]), NOWHERE)]
    inner = at(try_(body=[loop], finalbody=[drop]), NOWHERE)
    # the implicit re-raise of a finally without location would leave f_lineno None
    again = at(handler(None, None, [reraise()]), first_line(loop))
    return [at(try_(body=[inner], handlers=[again]), NOWHERE)]


def _is_plain_iterable(e: ast.expr) -> bool:
    """Surely not a generator: nobody can see that its iterator is dropped late."""
    displays = (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.Constant, ast.JoinedStr)
    if isinstance(e, (*displays, ast.ListComp, ast.SetComp, ast.DictComp)):
        return True
    if not isinstance(e, ast.Call) or not isinstance(e.func, ast.Name):
        return False
    return e.func.id in _NEW_LISTS or (e.func.id in _WRAPPERS and all(map(_is_plain_iterable, e.args)))


# ------------------------------------------------------------------ with


def emit_with(em: Emit, s: ast.With) -> list[ast.stmt]:
    """
    ::

        with With(.m := manager) as target: body        # live; With lets eviction pass without calling __exit__
        with Reenter(.m) if .rs else ... as .mv:        # resume: __enter__ does nothing
            if not .rs: target = .mv; .mv = None
            body
    """
    item, manager = s.items[0], notes_of(s).manager
    target, body = item.optional_vars, em.block(s.body)
    if manager is None:
        made = copy.copy(s)
        made.items = [ast.withitem(context_expr=em.expr(item.context_expr), optional_vars=target)]
        made.body = body
        return [made]
    source: ast.expr = at(call(".with" + em.flavour, walrus(manager, em.expr(item.context_expr))), item.context_expr)
    in_body = em.range(s.body)
    if em.resume and in_body:
        again = call(".reenter" + em.flavour, name(manager))
        source = at(ast.IfExp(test=goes_into(in_body), body=again, orelse=source), item.context_expr)
        if target is not None:
            entered = manager.replace(".m", ".mv")
            give = [at(assign(target, name(entered)), target), at(clear(entered), target)]
            body = [at(if_(not_resuming(), give), target), *body]
            target = at(store(entered), target)
    made = ast.With(items=[ast.withitem(context_expr=source, optional_vars=target)], body=body, type_comment=None)
    return [at(made, s), at(clear(manager), NOWHERE)]


# ------------------------------------------------------------------ match


def emit_match(em: Emit, s: ast.Match) -> list[ast.stmt]:
    """
    ::

        match subject: case pattern: body ...               # live
        if not .rs: match subject: case pattern: .k = 1 ... # resume: the bodies come after the match
        if .rs goes into body 1 or (not .rs and .k == 1): body 1 ...
    """
    selector = notes_of(s).selector
    if not em.resume or selector is None or not any(em.range(c.body) for c in s.cases):
        made = copy.copy(s)
        made.subject = em.expr(s.subject)
        made.cases = [copy.copy(c) for c in s.cases]
        for c in made.cases:
            c.body = em.block(c.body)
        return [at(made, s)]
    select = copy.copy(s)
    select.subject = em.expr(s.subject)
    select.cases = []
    chain: list[tuple[ast.expr, list[ast.stmt]]] = []
    for i, c in enumerate(s.cases, 1):
        chosen: list[ast.stmt] = [at(assign(selector, const(i)), NOWHERE)]
        select.cases.append(ast.match_case(pattern=c.pattern, guard=c.guard, body=chosen))
        test: ast.expr = ast.BoolOp(op=ast.And(), values=[not_resuming(), equals(selector, i)])
        in_body = em.range(c.body)
        if in_body:
            test = ast.BoolOp(op=ast.Or(), values=[goes_into(in_body), test])
        chain.append((at(test, NOWHERE), em.block(c.body)))
    in_subject = em.analysis.range(s.subject)
    begin: list[ast.stmt] = [at(assign(selector, const(0)), NOWHERE), at(select, s)]
    rest: list[ast.stmt] = []
    for test, body in reversed(chain):
        rest = [at(if_(test, body, rest), NOWHERE)]
    return [at(if_(goes_up_to(in_subject[1] if in_subject else 0), begin), NOWHERE), *rest]

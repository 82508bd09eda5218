"""``try`` that suspends: eviction passes through it, a resume enters a handler by raising its saved exception again."""

from __future__ import annotations

import ast
import copy

from weft_core.frames.emit.context import Emit
from weft_core.frames.emit.guards import goes_into, goes_up_to, resuming
from weft_core.frames.nodes import (
    BREAK_PENDING,
    CONTINUE_PENDING,
    NOTHING_PENDING,
    NOWHERE,
    RAISE_PENDING,
    RETURN_PENDING,
    Located,
    TryFin,
    assign,
    at,
    call,
    clear,
    const,
    empty_tuple,
    equals,
    first_line,
    first_located,
    handler,
    if_,
    name,
    not_,
    notes_of,
    raise_,
    reraise,
    try_,
)


def emit_try(em: Emit, s: ast.Try) -> list[ast.stmt]:
    """
    ::

        try:
            try: body
            except Evict: raise             # the author's handlers must not see it
            except ...: handler
        except Evict: .ev = True; raise
        finally:
            if not .ev: finalbody
    """
    if em.lean and notes_of(s).quiet and s.handlers:
        return _lean_release(em, s)
    hot = [h for h in s.handlers if em.range(h.body)]
    body = _body(em, s, hot)
    handlers = [_handler(em, h, bool(hot)) for h in s.handlers]
    orelse = em.block(s.orelse)
    if notes_of(s).quiet:
        return [at(try_(body=body, handlers=handlers, finalbody=em.block(s.finalbody)), s)]
    where = first_line(s)
    finalbody: list[ast.stmt] = []
    if em.lean and s.finalbody:
        # in one statement: the finally itself finds out whether the frame is being evicted
        finalbody = [at(if_(call(".stays" + em.flavour), em.block(s.finalbody)), first_located(s.finalbody, s))]
        if handlers or orelse:
            handlers = [_evict_handler(em, where, flag=False), *handlers]
        return [at(try_(body, handlers, orelse, finalbody), s)]
    if s.finalbody:
        finalbody = [at(if_(not_(name(".ev")), em.block(s.finalbody)), first_located(s.finalbody, s))]
        if handlers and not hot and not em.range(s.orelse):
            # suspensions only in the body: one statement does it all (CPython limits how deep blocks are nested)
            handlers = [_evict_handler(em, where, flag=True), *handlers]
            return [at(try_(body, handlers, orelse, finalbody), s)]
    if handlers or orelse:
        handlers = [_evict_handler(em, where, flag=False), *handlers]
    if not s.finalbody:
        return [at(try_(body, handlers, orelse), s)]
    if handlers or orelse:
        body = [at(try_(body, handlers, orelse), s)]
    return [at(try_(body, [_evict_handler(em, where, flag=True)], [], finalbody), s)]


def _lean_release(em: Emit, s: ast.Try) -> list[ast.stmt]:
    """Of the two statements that release the iterator of an ``async for``, the inner one, on the line of the loop."""
    (released,) = s.body
    assert isinstance(released, ast.Try)
    (clearing,) = released.finalbody
    assert isinstance(clearing, ast.Assign)
    located = at(
        ast.Assign(targets=clearing.targets, value=clearing.value, type_comment=None), first_line(s.handlers[0])
    )
    return [at(try_(em.block(released.body), finalbody=[located]), s)]


def _evict_handler(em: Emit, where: Located, *, flag: bool) -> ast.ExceptHandler:
    """``except Evict: raise``; with ``flag``, also note that the ``finally`` must not run."""
    em.needs_ev = em.needs_ev or flag
    body: list[ast.stmt] = [assign(".ev", const(True)), reraise()] if flag else [reraise()]
    made = handler(None, None, [at(x, where) for x in body])
    made.type = call(".evictC") if em.flavour == "C" else name(".Evict")
    return at(made, NOWHERE)


def _body(em: Emit, s: ast.Try, hot: list[ast.ExceptHandler]) -> list[ast.stmt]:
    body = em.block(s.body)
    if not em.resume or not (hot or em.range(s.orelse) or em.range(s.finalbody)):
        return body
    # skip the body if the label lies behind it; to enter a handler, raise its saved exception again
    inside = em.range(s.body)
    out: list[ast.stmt] = []
    for h in hot:
        labels, caught = em.range(h.body), notes_of(h).caught
        assert labels is not None and caught is not None
        again = at(raise_(call(".rex", name(caught))), first_line(h))
        out.append(at(if_(goes_into(labels), [again]), NOWHERE))
    out.append(at(if_(goes_up_to(inside[1] if inside else 0), body), NOWHERE))
    return out


def _handler(em: Emit, h: ast.ExceptHandler, some_hot: bool) -> ast.ExceptHandler:
    made = copy.copy(h)
    made.body = em.block(h.body)
    if not em.resume or not some_hot:
        return made
    # while resuming, only the handler with the label may catch; what the raise did to the exception is undone
    labels, caught = em.range(h.body), notes_of(h).caught
    kind = h.type if h.type is not None else at(name(".BaseException"), h)
    kind = at(ast.IfExp(test=resuming(), body=empty_tuple(), orelse=kind), kind)
    if labels and caught is not None:
        kind = at(ast.IfExp(test=goes_into(labels), body=name(".BaseException"), orelse=kind), kind)
        fix = ast.Expr(call(".fix", name(caught)))
        made.body = [at(if_(resuming(), [fix]), NOWHERE), *made.body]
    made.type = kind
    return made


def emit_try_fin(em: Emit, s: TryFin) -> list[ast.stmt]:
    """
    ::

        try:
            try: inner
            except Evict: .ev = True; raise
            except BaseException as .y: .fk = 1; .fx = .y; raise
            else: .fk = 0
        finally:
            if not .ev: finalbody; .fx = .fv = None

    A resume into the ``finally`` comes there as the first run did: by raising, returning or jumping again.
    """
    kind, value, error = (f".{x}{s.depth}" for x in ("fk", "fv", "fx"))
    caught = f".y{s.depth}"
    note = handler(".BaseException", caught, [])
    inner = em.block(s.inner)
    note.body = [assign(kind, const(RAISE_PENDING)), assign(error, name(caught)), at(reraise(), first_line(s))]
    body: list[ast.stmt] = [
        at(
            try_(
                inner,
                [_evict_handler(em, first_line(s), flag=True), at(note, NOWHERE)],
                [at(assign(kind, const(NOTHING_PENDING)), NOWHERE)],
            ),
            NOWHERE,
        )
    ]
    finalbody = em.block(s.finalbody)
    labels = em.range(s.finalbody)
    if em.resume and labels:
        body = [at(if_(goes_into(labels), _go_again(s, kind, value, error), body), NOWHERE)]
        raised_again = ast.BoolOp(op=ast.And(), values=[resuming(), equals(kind, RAISE_PENDING)])
        finalbody = [at(if_(raised_again, [ast.Expr(call(".fix", name(error)))]), NOWHERE), *finalbody]
    # on the line of the last statement: the implicit re-raise that follows must have a line
    finalbody = [*finalbody, at(clear(error, value), first_located(s.finalbody[::-1], s))]
    guarded = at(if_(not_(name(".ev")), finalbody), first_located(s.finalbody, s))
    return [at(try_(body, finalbody=[guarded]), s)]


def _go_again(s: TryFin, kind: str, value: str, error: str) -> list[ast.stmt]:
    """Leave the body of the try as the first run did."""
    again = at(raise_(call(".rex", name(error))), first_line(s))
    out: list[ast.stmt] = [if_(equals(kind, RAISE_PENDING), [again])]
    if RETURN_PENDING in s.jumps:
        returned = None if s.in_async_generator else name(value)
        out.append(if_(equals(kind, RETURN_PENDING), [ast.Return(value=returned)]))
    if BREAK_PENDING in s.jumps:
        out.append(if_(equals(kind, BREAK_PENDING), [ast.Break()]))
    if CONTINUE_PENDING in s.jumps:
        out.append(if_(equals(kind, CONTINUE_PENDING), [ast.Continue()]))
    return out

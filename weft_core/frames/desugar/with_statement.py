"""``with`` and ``async with``.

A ``with`` that suspends keeps its context manager in a hidden local; resuming enters the block again with a stand-in
whose ``__enter__`` does nothing. ``async with`` is spelled out, because both of its calls are awaited.
"""

from __future__ import annotations

import ast

from weft_core.frames.desugar.context import Desugar
from weft_core.frames.desugar.try_statement import desugar_try
from weft_core.frames.fingerprint import fingerprint
from weft_core.frames.nodes import (
    NOWHERE,
    assign,
    at,
    call,
    clear,
    const,
    handler,
    if_,
    name,
    not_,
    notes_of,
    reraise,
    start_of,
    store,
    try_,
)


def desugar_with(d: Desugar, s: ast.With) -> list[ast.stmt]:
    if not d.suspends(s):
        s.body = d.block(s.body)
        return [s]
    if len(s.items) > 1:
        inner = at(ast.With(items=s.items[1:], body=s.body, type_comment=None), s)
        _move_to_item(inner, s.items[1])
        s = at(ast.With(items=s.items[:1], body=[inner], type_comment=None), s)
    item = s.items[0]
    notes_of(s).header = fingerprint(item)
    item.context_expr = d.expr(item.context_expr)
    body = s.body
    if item.optional_vars is not None and d.suspends(item.optional_vars):
        entered = d.hidden("v")
        body = [at(assign(item.optional_vars, name(entered)), item.optional_vars), *body]
        item.optional_vars = at(store(entered), item.optional_vars)
    if d.suspends.any(body):
        notes_of(s).manager = d.hidden("m")
    with d.deeper("m", "v"):
        s.body = d.block(body)
    return [s]


def _move_to_item(inner: ast.With | ast.AsyncWith, item: ast.withitem) -> None:
    """``with a, b:`` is ``with a: with b:``; the inner one begins where its item does."""
    inner.lineno, inner.col_offset = item.context_expr.lineno, item.context_expr.col_offset


def desugar_async_with(d: Desugar, s: ast.AsyncWith) -> list[ast.stmt]:
    """
    ::

        .m = manager; .v = await .m.__aenter__(); .h = False
        try:
            target = .v; .v = None; body
        except BaseException as .x:
            .h = True
            if not await .m.__aexit__(type(.x), .x, traceback): raise
        finally:
            if not .h: await .m.__aexit__(None, None, None)
        .m = None
    """
    body = s.body
    if len(s.items) > 1:
        inner = at(ast.AsyncWith(items=s.items[1:], body=s.body, type_comment=None), s)
        _move_to_item(inner, s.items[1])
        body = [inner]
    item = s.items[0]
    header = fingerprint(item)
    where = start_of(item.context_expr)
    manager, entered, handled, caught = d.hidden("m"), d.hidden("v"), d.hidden("h"), d.hidden("x")

    out = d.stmt(at(assign(manager, item.context_expr), item.context_expr))
    enter = _await(call(".aenter", name(manager)), "async with enter", item.context_expr)
    out += d.stmt(at(assign(entered, enter), where))
    out += d.stmt(at(assign(handled, const(False)), NOWHERE))

    first: list[ast.stmt] = []
    if item.optional_vars is not None:
        first.append(at(assign(item.optional_vars, name(entered)), item.optional_vars))
    first.append(at(clear(entered), NOWHERE))
    exit_error = _await(call(".aexit", name(manager), name(caught)), "async with exit(exc)", item.context_expr)
    exit_normal = _await(call(".aexit", name(manager), const(None)), "async with exit", item.context_expr)
    failed: list[ast.stmt] = [assign(handled, const(True)), if_(not_(exit_error), [at(reraise(), where)])]
    tried = try_(
        body=first + body,
        handlers=[at(handler(".BaseException", caught, failed), NOWHERE)],
        finalbody=[at(if_(not_(name(handled)), [ast.Expr(value=exit_normal)]), NOWHERE)],
    )
    note = notes_of(tried)
    note.hidden, note.path, note.header = (manager, handled), "async with", header
    d.suspends.forget()
    with d.deeper("m", "v", "h", "x"):
        out += desugar_try(d, at(tried, NOWHERE))
    return [*out, at(clear(manager), NOWHERE)]


def _await(value: ast.expr, kind: str, source: ast.expr) -> ast.Await:
    node = at(ast.Await(value=value), source)
    note = notes_of(node)
    note.kind, note.source = kind, source
    return node

"""``if`` and loops. A ``for`` that suspends keeps its iterator in a hidden local; ``async for`` becomes a ``while``."""

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
    name,
    notes_of,
    reraise,
    start_of,
    store,
    try_,
)


def desugar_if(d: Desugar, s: ast.If) -> list[ast.stmt]:
    s.test = d.expr(s.test)
    s.body = d.block(s.body)
    s.orelse = d.optional_block(s.orelse)
    return [s]


def desugar_while(d: Desugar, s: ast.While) -> list[ast.stmt]:
    s.test = d.expr(s.test)
    s.body = d.loop_body(s.body)
    s.orelse = d.optional_block(s.orelse)
    return [s]


def desugar_for(d: Desugar, s: ast.For) -> list[ast.stmt]:
    body = s.body
    if d.suspends(s.target) or d.suspends.any(body):
        notes_of(s).header = fingerprint([s.target, s.iter])
    s.iter = d.expr(s.iter)
    if d.suspends(s.target):
        item = d.hidden("n")
        body = [at(assign(s.target, name(item)), s.target), *body]
        s.target = at(store(item), s.target)
        d.suspends.forget(s)
    if d.suspends.any(body):
        notes_of(s).iterator = d.hidden("i")
        with d.deeper("i", "n"):
            s.body = d.loop_body(body)
    else:
        with d.deeper("n"):
            s.body = d.loop_body(body)
    s.orelse = d.optional_block(s.orelse)
    return [s]


def desugar_async_for(d: Desugar, s: ast.AsyncFor) -> list[ast.stmt]:
    """
    ::

        .a = aiter(iterable); .g = True
        try:
            while .g:
                try: .n = await anext(.a)
                except StopAsyncIteration: .g = False
                else: target = .n; .n = None; body
            else: orelse
        finally: .a = None
    """
    iterator, go, item = d.hidden("a"), d.hidden("g"), d.hidden("n")
    header = fingerprint([s.target, s.iter])
    anext_ = at(ast.Await(value=call(".anext", name(iterator))), s.iter)
    note = notes_of(anext_)
    note.kind, note.source = "async for", s.iter
    turn = try_(
        body=[at(assign(item, anext_), NOWHERE)],
        handlers=[handler(".StopAsyncIteration", None, [assign(go, const(False))])],
        orelse=[at(assign(s.target, name(item)), s.target), at(clear(item), NOWHERE), *s.body],
    )
    loop = at(ast.While(test=at(name(go), NOWHERE), body=[at(turn, NOWHERE)], orelse=s.orelse), NOWHERE)
    d.suspends.forget()
    out: list[ast.stmt] = []
    out += d.stmt(at(assign(iterator, call(".aiter", s.iter)), s.iter))
    out += d.stmt(at(assign(go, const(True)), NOWHERE))
    note = notes_of(loop)
    note.hidden, note.path, note.header = (iterator, go), "async for", header
    # the iterator is dropped as soon as the loop is left, as the interpreter would
    released = at(try_(body=[loop], finalbody=[at(clear(iterator), NOWHERE)]), NOWHERE)
    again = at(handler(None, None, [reraise()]), start_of(s))
    guarded = at(try_(body=[released], handlers=[again]), NOWHERE)
    notes_of(released).quiet = notes_of(guarded).quiet = True
    with d.deeper("a", "g", "n"):
        out += desugar_try(d, guarded)
    return out

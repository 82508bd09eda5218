"""``try``: handlers that suspend get their exception in a hidden local, a suspending ``finally`` becomes a TryFin."""

from __future__ import annotations

import ast

from weft_core.frames.desugar.assign import delete_name
from weft_core.frames.desugar.context import Desugar, Final
from weft_core.frames.fingerprint import fingerprint
from weft_core.frames.nodes import NOTHING_PENDING, NOWHERE, assign, at, clear, const, name, new_try_fin, notes_of, try_
from weft_core.frames.scope import bound_names

AnyTry = ast.Try | ast.TryStar


def desugar_try(d: Desugar, s: ast.Try) -> list[ast.stmt]:
    if s.finalbody and d.suspends.any(s.finalbody):
        return desugar_suspending_finally(d, s)
    for h in s.handlers:
        _handler(d, h)
    s.body = d.block(s.body)
    s.orelse = d.optional_block(s.orelse)
    s.finalbody = d.optional_block(s.finalbody)
    return [s]


def _handler(d: Desugar, h: ast.ExceptHandler) -> None:
    if h.type is not None and d.suspends(h.type):
        d.refuse(
            "an 'except' clause cannot await in its type expression; evaluate it before the try and name the result",
            h.type,
            "await-in-except-type",
        )
    if not d.suspends.any(h.body):
        h.body = d.block(h.body)
        return
    if not notes_of(h).header:
        notes_of(h).header = fingerprint([h.type, None if h.name is None or h.name.startswith(".") else h.name])
    if h.name is None:
        notes_of(h).caught = h.name = d.hidden("e")
        with d.deeper("e"):
            h.body = d.block(h.body)
    elif h.name.startswith(".") or h.name not in _rebound(h.body):
        notes_of(h).caught = h.name
        h.body = d.block(h.body)
    else:
        _rebinding_handler(d, h, h.name)


def _rebinding_handler(d: Desugar, h: ast.ExceptHandler, user: str) -> None:
    """The author rebinds the name ``e`` of ``except E as e``: spell out Python's own expansion of ``as``."""
    notes_of(h).caught = h.name = hidden = d.hidden("e")
    forget_user = [at(clear(user), NOWHERE), at(delete_name(user), NOWHERE)]
    inner = at(try_(body=h.body, finalbody=list(forget_user)), NOWHERE)
    with d.deeper("e"):
        h.body = [at(assign(user, name(hidden)), NOWHERE), *desugar_try(d, inner)]


def _rebound(body: list[ast.stmt]) -> set[str]:
    """Names (re)bound or deleted anywhere in these statements, closures included."""
    out = bound_names(body)
    for s in body:
        for n in ast.walk(s):
            if isinstance(n, ast.Nonlocal):
                out.update(n.names)
    return out


def desugar_suspending_finally(d: Desugar, s: AnyTry) -> list[ast.stmt]:
    """A ``finally`` that suspends: what waits behind it is kept in hidden locals, see :class:`TryFin`."""
    depth = d.depth("f")
    node = new_try_fin()
    ast.copy_location(node, s)
    node.depth, node.in_async_generator, node.jumps = depth, d.is_async_generator, set()
    made, note = notes_of(node), notes_of(s)
    made.hidden, made.path, made.header = note.hidden, note.path, note.header
    with d.deeper("f"):
        with d.within(node):
            if s.handlers or s.orelse:
                inner = type(s)(body=s.body, handlers=s.handlers, orelse=s.orelse, finalbody=[])
                node.inner = d.stmt(at(inner, s))
            else:
                node.inner = d.block(s.body)
        with d.within(Final(depth)):
            node.finalbody = d.block(s.finalbody)
    return [
        at(assign(f".fk{depth}", const(NOTHING_PENDING)), NOWHERE),
        at(clear(f".fx{depth}", f".fv{depth}"), NOWHERE),
        node,
    ]

"""Assignments whose target or value suspends.

Python evaluates the right side first, then each target's parts from left to right, then stores. When one of these
parts suspends, what was evaluated before it is kept in hidden locals, and the statement becomes several simple ones.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from weft_core.frames.desugar.context import Desugar
from weft_core.frames.desugar.expressions import slice_as_value
from weft_core.frames.nodes import DELETE, LOAD, NOWHERE, STORE, assign, at, clear, const, if_, name, store


def desugar_assign(d: Desugar, s: ast.Assign) -> list[ast.stmt]:
    if not d.suspends(s):
        return [s]
    s.value = d.expr(s.value)
    if not d.suspends.any(s.targets):
        return [s]
    if len(s.targets) == 1 and not isinstance(s.targets[0], (ast.Tuple, ast.List)):
        s.targets[0] = d.expr(s.targets[0])
        return [s]
    value = d.operand()
    out: list[ast.stmt] = [at(assign(value, s.value), s)]
    for t in s.targets:
        out += _unpack(d, t, name(value), s)
    return [*out, at(clear(value), NOWHERE)]


def _unpack(d: Desugar, target: ast.expr, value: ast.expr, s: ast.Assign) -> list[ast.stmt]:
    """``target = value`` where parts of the target suspend: unpack into hidden locals, then store one by one."""
    if not d.suspends(target) or not isinstance(target, (ast.Tuple, ast.List)):
        return [at(assign(d.expr(target), value), s)]
    kept = [d.operand() for _ in target.elts]
    stores: list[ast.expr] = [
        ast.Starred(value=store(k), ctx=STORE) if isinstance(x, ast.Starred) else store(k)
        for x, k in zip(target.elts, kept, strict=True)
    ]
    out: list[ast.stmt] = [at(assign(ast.Tuple(elts=stores, ctx=STORE), value), target)]
    for x, k in zip(target.elts, kept, strict=True):
        out += _unpack(d, x.value if isinstance(x, ast.Starred) else x, name(k), s)
    return [*out, at(clear(*kept), NOWHERE)]


def desugar_aug_assign(d: Desugar, s: ast.AugAssign) -> list[ast.stmt]:
    """``t += value`` loads ``t``, evaluates the value, adds in place, stores ``t``."""
    if not d.suspends(s):
        return [s]
    if isinstance(s.target, ast.Name):
        return _aug_name(d, s, s.target)
    return _aug_place(d, s, s.target)


def _aug_name(d: Desugar, s: ast.AugAssign, target: ast.Name) -> list[ast.stmt]:
    s.value = d.expr(s.value)
    if d.stable(target.id) and target.id not in _walrus_names(s.value):
        return [s]  # nobody can rebind it while the value is awaited
    kept = d.operand()
    load, back = at(name(target.id), target), at(store(target.id), target)
    return [*_add_in_place(s, kept, load, back), at(clear(kept), NOWHERE)]


def _aug_place(d: Desugar, s: ast.AugAssign, target: ast.Attribute | ast.Subscript) -> list[ast.stmt]:
    owner, kept = d.operand(), d.operand()
    before: list[ast.stmt] = [at(assign(owner, d.expr(target.value)), target)]
    load: ast.expr
    back: ast.expr
    if isinstance(target, ast.Attribute):
        load = at(ast.Attribute(value=name(owner), attr=target.attr, ctx=LOAD), target)
        back = at(ast.Attribute(value=name(owner), attr=target.attr, ctx=STORE), target)
    else:
        index = d.operand()
        before.append(at(assign(index, slice_as_value(d.expr(target.slice))), target))
        load = at(ast.Subscript(value=name(owner), slice=name(index), ctx=LOAD), target)
        back = at(ast.Subscript(value=name(owner), slice=name(index), ctx=STORE), target)
    s.value = d.expr(s.value)
    return [*before, *_add_in_place(s, kept, load, back), at(clear(owner), NOWHERE), at(clear(kept), NOWHERE)]


def _add_in_place(s: ast.AugAssign, kept: str, load: ast.expr, back: ast.expr) -> list[ast.stmt]:
    return [
        at(assign(kept, load), s),
        at(ast.AugAssign(target=store(kept), op=s.op, value=s.value), s),
        at(assign(back, name(kept)), s),
    ]


def desugar_ann_assign(d: Desugar, s: ast.AnnAssign) -> list[ast.stmt]:
    """Annotations of locals are never evaluated. They are dropped: "annotated name can't be nonlocal" would else be
    raised by the resume variant, in which captured locals are nonlocal."""
    if s.value is not None:
        return desugar_assign(d, at(assign(s.target, s.value), s))
    if isinstance(s.target, ast.Name):
        # a bare `x: int` still makes x a local
        return [at(if_(const(False), [assign(s.target.id, const(None))]), s)]
    # `a.b: T` and `a[b]: T` without a value evaluate a (and b)
    parts = [s.target.value, *([slice_as_value(s.target.slice)] if isinstance(s.target, ast.Subscript) else [])]
    return [at(ast.Expr(value=d.expr(x)), s) for x in parts]


def desugar_delete(d: Desugar, s: ast.Delete) -> list[ast.stmt]:
    if not d.suspends(s):
        return [s]
    return [at(ast.Delete(targets=[d.expr(t)]), t) for target in s.targets for t in _flat(target)]


def _flat(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, (ast.Tuple, ast.List)):
        for x in target.elts:
            yield from _flat(x)
    else:
        yield target


def _walrus_names(e: ast.expr) -> set[str]:
    return {n.target.id for n in ast.walk(e) if isinstance(n, ast.NamedExpr)}


def delete_name(identifier: str) -> ast.Delete:
    """``del identifier``."""
    return ast.Delete(targets=[ast.Name(id=identifier, ctx=DELETE)])

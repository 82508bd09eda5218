"""A durable function from the build-time cache: the plans that compiling it would make, without its syntax tree."""

from __future__ import annotations

import ast
import marshal
from types import CodeType, FunctionType
from typing import Any

from weft_core.frames.cache.stored import StoredModule
from weft_core.frames.labels import Label
from weft_core.frames.mentions import Mentions
from weft_core.frames.plan import CODES, Kind, Plan, Root


def thaw(key: str, fn: FunctionType, module: StoredModule, lines: list[str]) -> Root | None:
    """The root of ``fn`` as ``module`` holds it; None if it does not, or not of this very function.

    The caller has made sure that the module's text is the text of ``fn``.
    """
    code = fn.__code__
    stored = module.function(code)
    if stored is None:
        return None
    (qualname, lineno, end_lineno, flags, cls, mentions), plans, live = stored
    if qualname != fn.__qualname__:
        return None
    root = Root(key, qualname, code.co_filename, flags=flags, cls=cls, lines=lines)
    root.lineno, root.end_lineno, root.mentions = lineno, end_lineno, Mentions(*mentions)
    made: list[Plan] = []
    for parent, *rest in plans:
        made.append(_plan(root, None if parent is None else made[parent], *rest))
    root.plan = made[0]
    root.plan.live_code = _file(root.plan, live)
    return root


def thaw_resume_code(p: Plan) -> CodeType:
    """The resume variant of a plan that came from the cache."""
    assert p.stored_resume is not None
    p.resume_code = code = _file(p, marshal.loads(p.stored_resume))
    return code


def _plan(
    root: Root,
    parent: Plan | None,
    identity: tuple[str, str, Kind, str],
    shown: tuple[bool, str],
    names: list[list[str]],
    stores: dict[str, list[int]],
    needs_ev: bool,
    labels: list[Any],
    resume: bytes | None,
) -> Plan:
    plan = Plan(root, parent, None, *identity)
    plan.is_comp, plan.pretty = shown
    captured, free, env, plan.cells, plan.params, user_locals, plan.names = names
    plan.captured, plan.free, plan.env, plan.user_locals = set(captured), set(free), set(env), set(user_locals)
    plan.stores, plan.needs_ev, plan.stored_resume = stores, needs_ev, resume
    plan.labels = [_label(*stored) for stored in labels]
    plan.by_id = {label.id: label for label in plan.labels}
    return plan


_NODES = {cls.__name__: cls.__new__(cls) for cls in (ast.Await, ast.Yield, ast.YieldFrom)}
"""Of a label's own node only the class is kept."""


def _label(kind: str, place: tuple[Any, ...], save: list[str], soft: list[str]) -> Label:
    n, lineno, *rest = place
    label = Label(n, None, None, lineno)
    label.node = _NODES[kind]
    label.text, label.id, label.count, label.named, label.path, label.around, label.statement = rest
    label.save, label.soft = save, set(soft)
    return label


def _file(p: Plan, stored: tuple[CodeType, list[tuple[tuple[int, ...], int]]]) -> CodeType:
    """Give a code object the file's name here, and file it and those in it under their plans."""
    code, filed = stored
    if code.co_filename != p.root.filename:
        code = _renamed(code, p.root.filename)
    plans = list(p.root.plans.values())
    CODES[id(code)] = (code, p)
    for place, number in filed:
        inner: Any = code
        for i in place:
            inner = inner.co_consts[i]
        CODES[id(inner)] = (inner, plans[number])
        if plans[number].live_code is None:
            plans[number].live_code = inner
    return code


def _renamed(code: CodeType, filename: str) -> CodeType:
    consts = tuple(_renamed(c, filename) if isinstance(c, CodeType) else c for c in code.co_consts)
    if code.co_firstlineno <= 0:
        return code  # code without a location, which replace() would refuse
    return code.replace(co_filename=filename, co_consts=consts)

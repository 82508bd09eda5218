"""Compiling a durable function into its two variants.

**Live** is what runs: the author's structure, with hidden interpreter state copied into hidden locals and no dispatch
of any kind. **Resume** is the same function with a prologue that puts saved locals back, and guards that lead down to
the suspended ``await``; it is compiled when a checkpoint first needs it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from types import CodeType
from typing import Literal

from weft_core.frames.code_objects import compile_function
from weft_core.frames.desugar.comprehensions import is_bare_super, lower_comprehensions, name_super
from weft_core.frames.emit.table import emit
from weft_core.frames.fingerprint import fingerprint
from weft_core.frames.follow_iterators import follow_iterators
from weft_core.frames.mentions import find_mentions
from weft_core.frames.nodes import (
    FUNCTIONS,
    LOAD,
    NOWHERE,
    STORE,
    FunctionNode,
    arguments,
    assign,
    at,
    attribute,
    call,
    compare,
    const,
    function_def,
    if_,
    name,
    notes_of,
    start_of,
    store,
)
from weft_core.frames.plan import CODES, Plan, Root, kind_of
from weft_core.frames.plan_tree import analyse_function, gather, post_order, resolve_names, strip_signature
from weft_core.frames.suspension import Suspends

__all__ = ["build", "live_code", "resume_code"]


def build(
    key: str,
    qualname: str,
    filename: str,
    node: FunctionNode,
    env_names: set[str],
    flags: int,
    cls_name: str | None,
    lines: Sequence[str],
) -> Root:
    """Plan a function and everything nested in it. ``node`` is rewritten: its body becomes the live variant's.

    ``env_names`` are the names it captures, ``flags`` those of its code object, ``lines`` its whole file. Raises
    TransformError for source that cannot be checkpointed.
    """
    root = Root(key, qualname, filename, flags=flags, cls=cls_name, lines=lines)
    root.lineno = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    root.end_lineno = node.end_lineno or node.lineno
    root.mentions = find_mentions(node)
    notes_of(node).root = True
    strip_signature(node)
    node_hash = fingerprint(node)
    follow_iterators(node, lines)
    if "__class__" in env_names:
        _explicit_super(node)
    # the decorator copies the values; `None` keeps their number
    node.args.defaults = [at(const(None), d) for d in node.args.defaults]
    node.args.kw_defaults = [d and at(const(None), d) for d in node.args.kw_defaults]
    suspends = Suspends()
    lower_comprehensions(node, suspends)
    root.plan = Plan(root, None, node, node.name, "", kind_of(node), node_hash)
    gather(root.plan, node.body)
    resolve_names(root, env_names)
    for p in post_order(root.plan):
        if p.durable:
            _make_live_body(p, suspends)
    return root


def live_code(p: Plan) -> CodeType:
    """Compile the live variant of a root plan, and with it those of its nested functions."""
    assert p.parent is None and not isinstance(p.node, ast.Lambda)
    p.live_code = code = compile_function(p, p.node, p.env)
    CODES[id(code)] = (code, p)
    return code


def resume_code(p: Plan) -> CodeType:
    """The resume variant of a durable plan, compiled when first asked for.

    It takes one argument: a list with one element, ``[label number or 0, [pending operation], *values of p.names]``,
    where the unset marker stands for a local that is not bound.
    """
    if p.resume_code is not None:
        return p.resume_code
    # all captured names come from outside here, as cells that the checkpoint brings
    p.resume_code = code = compile_function(p, resume_tree(p), p.captured | p.free | p.env)
    CODES[id(code)] = (code, p)
    return code


def resume_tree(p: Plan) -> FunctionNode:
    """The resume variant of a durable plan before it is compiled."""
    node = p.node
    assert not isinstance(node, ast.Lambda)
    body, _ = emit(p.analysis, resume=True, flavour=_flavour(p))
    body = [*_declare(p, p.captured), *_restore_locals(p), *_prologue(p, notes_of(node).prologue), *body]
    if p.kind in ("gen", "agen") and not p.labels:
        # must still be a generator
        body.append(at(if_(const(False), [ast.Expr(value=ast.Yield(value=None))]), NOWHERE))
    return at(function_def(type(node), node.name, arguments(".st"), body), start_of(node))


def _flavour(p: Plan) -> Literal["C", "G"]:
    return "C" if p.kind == "coro" else "G"


def _make_live_body(p: Plan, suspends: Suspends) -> None:
    node = p.node
    assert not isinstance(node, ast.Lambda)
    doc, made = analyse_function(p, suspends)
    body, p.needs_ev = emit(p.analysis, resume=False, flavour=_flavour(p))
    # the analysis keeps the desugared body, for the resume variant
    node.body = [*doc, *_declare(p), *_prologue(p, made), *body]


def _declare(p: Plan, also_nonlocal: Iterable[str] = ()) -> list[ast.stmt]:
    """``global`` and ``nonlocal`` statements, hoisted to the head."""
    global_names, nonlocal_names = p.declared
    nonlocal_names = sorted({*nonlocal_names, *also_nonlocal})
    out: list[ast.stmt] = []
    if global_names:
        out.append(at(ast.Global(names=list(global_names)), NOWHERE))
    if nonlocal_names:
        out.append(at(ast.Nonlocal(names=nonlocal_names), NOWHERE))
    return out


def _prologue(p: Plan, made: Iterable[ast.stmt]) -> list[ast.stmt]:
    """What both variants begin with: a probe through which a checkpoint finds the cells, flags, nested functions."""
    out: list[ast.stmt] = []
    # on the line of the first statement: no line event of its own
    where = next((start_of(s) for s in p.analysis.body if s.lineno > 0), NOWHERE)
    if p.cells:
        cells = ast.Tuple(elts=[name(c) for c in p.cells], ctx=LOAD)
        out.append(at(assign(".cells", ast.Lambda(args=arguments(), body=cells)), where))
    if p.needs_ev:
        out.append(at(assign(".ev", const(False)), where))
    return [*out, *made]


def _restore_locals(p: Plan) -> list[ast.stmt]:
    """``.rs, .aw, a, b = .st.pop()``, then unbind what was not bound."""
    targets = ast.Tuple(elts=[store(".rs"), store(".aw"), *map(store, p.names)], ctx=STORE)
    out: list[ast.stmt] = [at(assign(targets, call(attribute(".st", "pop"))), NOWHERE)]
    for n in p.names:
        if not n.startswith("."):
            unset = compare(name(n), ast.Is(), name(".U"))
            out.append(at(if_(unset, [ast.Delete(targets=[ast.Name(id=n, ctx=ast.Del())])]), NOWHERE))
    return out


def _explicit_super(fn: FunctionNode) -> None:
    """``super()`` -> ``super(__class__, self)``: the resume variant has another first argument."""
    positional = fn.args.posonlyargs + fn.args.args
    if not positional:
        return
    todo: list[ast.AST] = list(fn.body)
    while todo:
        n = todo.pop()
        if isinstance(n, (*FUNCTIONS, ast.Lambda, ast.ClassDef, ast.GeneratorExp)):
            continue
        if is_bare_super(n):
            name_super(n, positional[0].arg)
        todo.extend(ast.iter_child_nodes(n))

"""From the syntax tree of a decorated function to its plans: scopes, desugaring, labels, what each label saves."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from weft_core.frames.analysis import Analysis
from weft_core.frames.annotations import refuse_suspending_annotations
from weft_core.frames.desugar.table import desugar
from weft_core.frames.fingerprint import fingerprint
from weft_core.frames.labels import identify
from weft_core.frames.liveness import find_live_names
from weft_core.frames.namespaces import hide_our_names
from weft_core.frames.nodes import FUNCTIONS, FunctionNode, all_args, at, defaults_of, notes_of
from weft_core.frames.plan import Plan, Root, kind_of
from weft_core.frames.scope import analyse, captured_names, free_names, rebound_by_closures
from weft_core.frames.suspension import Suspends


def gather(plan: Plan, nodes: Iterable[ast.AST], prefix: str = "") -> None:
    """Make plans for the functions nested in ``nodes``, in source order. ``prefix`` names the classes around them."""
    todo = list(nodes)[::-1]
    while todo:
        n = todo.pop()
        if isinstance(n, (*FUNCTIONS, ast.Lambda)):
            _nested(plan, n, prefix)
            todo += (getattr(n, "decorator_list", []) + defaults_of(n.args))[::-1]
        elif isinstance(n, ast.ClassDef):
            gather(plan, n.body, prefix + n.name + ".")
            todo += [*n.decorator_list, *n.bases, *(k.value for k in n.keywords)][::-1]
        else:
            todo += list(ast.iter_child_nodes(n))[::-1]


def _nested(plan: Plan, n: FunctionNode | ast.Lambda, prefix: str) -> None:
    name = "<lambda>" if isinstance(n, ast.Lambda) else n.name
    full = prefix + name
    ordinal = plan.ordinals[full] = plan.ordinals.get(full, 0) + 1
    segment = full if ordinal == 1 else f"{full}#{ordinal}"
    path = f"{plan.path}/{segment}" if plan.path else segment
    made = Plan(plan.root, plan, n, name, path, kind_of(n), notes_of(n).digest or fingerprint(n))
    gather(made, [n.body] if isinstance(n, ast.Lambda) else n.body)


def resolve_names(root: Root, env_names: set[str]) -> None:
    """Find out for every plan which names are its own, captured or free."""
    assert not isinstance(root.plan.node, ast.Lambda)
    refuse_suspending_annotations(root)
    _, by_node = analyse(root.plan.node, env_names)
    for p in root.plans.values():
        p.scope = by_node[id(p.node)]
        free = free_names(p.scope)
        p.env = {n for n, owner in free.items() if owner.kind == "env"}
        p.free = free.keys() - p.env
        p.captured = set() if isinstance(p.node, ast.Lambda) else captured_names(p.scope)


def post_order(p: Plan) -> Iterator[Plan]:
    """Inner functions first."""
    for c in p.children:
        yield from post_order(c)
    yield p


def analyse_function(p: Plan, suspends: Suspends) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """Desugar the function of a durable plan, and find its labels and what each saves.

    Returns (docstring statement or nothing, functions made from comprehensions); ``node.body`` is then the rest.
    """
    fn, scope = p.node, p.scope
    assert not isinstance(fn, ast.Lambda)
    own = {n for n in scope.bound - scope.globals - scope.nonlocals if not n.startswith(".")}
    rebindable = rebound_by_closures(scope) & p.captured
    unrebindable = own - rebindable

    def stable(n: str) -> bool:
        return n in unrebindable or n.startswith(".")

    def is_global(n: str) -> bool:
        return scope.lookup(n) is None and n not in scope.globals

    p.declared = _declarations(fn)
    doc, made, body = _split_body(fn)
    p.stores = _stores(body, own)
    fn.body = body or [at(ast.Pass(), fn)]
    fn.body = hide_our_names(p, fn.body, is_global)
    suspends.forget()
    desugar(
        fn,
        suspends,
        stable,
        filename=p.root.filename,
        lines=p.root.lines,
        is_async_generator=p.kind == "agen",
    )
    p.analysis = Analysis(fn, stable, is_global)
    p.labels = p.analysis.labels
    p.by_id = identify(p.labels)
    p.params = _params(fn.args)
    p.user_locals = (own | set(p.params)) - p.captured
    p.cells = sorted(p.captured | p.free)
    _find_saved(p, p.user_locals | _hidden_stores(fn.body))
    return doc, made


def _split_body(fn: FunctionNode) -> tuple[list[ast.stmt], list[ast.stmt], list[ast.stmt]]:
    """Docstring, functions made from comprehensions, the author's statements."""
    count = len(notes_of(fn).prologue)
    made, body = fn.body[:count], fn.body[count:]
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return body[:1], made, body[1:]
    return [], made, body


def _params(a: ast.arguments) -> list[str]:
    """In the order of the code object's variables, except that ``*args`` stands where it is written."""
    found = a.posonlyargs + a.args + ([a.vararg] if a.vararg else []) + a.kwonlyargs + ([a.kwarg] if a.kwarg else [])
    return [x.arg for x in found]


def _find_saved(p: Plan, names: set[str]) -> None:
    """Fill ``save`` and ``soft`` of each label, and the plan's ``names``."""
    find_live_names(p.analysis, names)
    if _mentions(p.node, {"locals", "vars", "dir", "eval", "exec"}):
        always = p.user_locals  # these read locals that nobody names
    else:
        always = set()
    all_names = set(p.user_locals)
    for label in p.labels:
        live = (label.live | always) & names
        label.save = sorted(live | (label.hidden - p.captured)) + [t for t, _ in label.temps]
        label.soft = {t for t, soft in label.temps if soft}
        all_names.update(label.save)
    p.names = sorted(all_names)


def _mentions(fn: ast.AST, names: set[str]) -> bool:
    return any(isinstance(n, ast.Name) and n.id in names for n in ast.walk(fn))


def _stores(body: list[ast.stmt], names: set[str]) -> dict[str, list[int]]:
    """Local -> the lines that assign it."""
    out: dict[str, list[int]] = {}
    for s in body:
        for n in ast.walk(s):
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and n.id in names:
                out.setdefault(n.id, []).append(n.lineno)
    return out


def _hidden_stores(body: list[ast.stmt]) -> set[str]:
    """The hidden locals that the function itself sets."""
    out: set[str] = set()
    todo: list[ast.AST] = list(body)
    while todo:
        n = todo.pop()
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and n.id.startswith("."):
            out.add(n.id)
        elif isinstance(n, (*FUNCTIONS, ast.Lambda)):
            todo += getattr(n, "decorator_list", [])
            todo += defaults_of(n.args)
        else:
            todo.extend(ast.iter_child_nodes(n))
    return out


def _declarations(fn: FunctionNode) -> tuple[list[str], list[str]]:
    """Names that ``fn`` itself declares global, and nonlocal."""
    global_names: set[str] = set()
    nonlocal_names: set[str] = set()
    todo: list[ast.AST] = list(fn.body)
    while todo:
        n = todo.pop()
        if isinstance(n, ast.Global):
            global_names.update(n.names)
        elif isinstance(n, ast.Nonlocal):
            nonlocal_names.update(n.names)
        elif not isinstance(n, (*FUNCTIONS, ast.Lambda, ast.ClassDef)):
            todo.extend(ast.iter_child_nodes(n))
    return sorted(global_names), sorted(nonlocal_names)


def strip_signature(fn: FunctionNode) -> None:
    """Take away what is evaluated when the function is *defined*: the author's module has done that."""
    fn.decorator_list = []
    fn.returns = None
    if hasattr(fn, "type_params"):
        fn.type_params = []
    for a in all_args(fn.args):
        a.annotation = None

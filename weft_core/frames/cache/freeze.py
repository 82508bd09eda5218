"""Writing the build-time cache of a module: its text, and its durable functions compiled for this very Python.

Which functions are durable is not known without running the module. Every coroutine and generator function that could
be is compiled; one that cannot (or need not) be is left out, and registering it does what it does without a cache.
"""

from __future__ import annotations

import ast
import marshal
from collections.abc import Iterator
from types import CodeType
from typing import Any

from weft_core.errors import TransformError
from weft_core.frames.cache.stored import StoredModule, signature, this_python
from weft_core.frames.compile import build, live_code, resume_code
from weft_core.frames.fingerprint import fingerprint
from weft_core.frames.labels import Label, stmt_hash
from weft_core.frames.nodes import FUNCTIONS, FunctionNode
from weft_core.frames.plan import CODES, Plan, Root, kind_of
from weft_core.frames.source.find import index, uses_private
from weft_core.frames.source.texts import functions_in, split_lines


def compile_module(text: str, filename: str) -> StoredModule:
    """The cache of one module. ``filename`` is what its tracebacks show; loaded elsewhere, they show that place.

    Raises SyntaxError for text that is no Python.
    """
    lines = split_lines(text)
    functions = {
        (code.co_name, code.co_firstlineno): marshal.dumps((signature(code), _freeze(root)))
        for code, root in _roots("".join(lines), filename, lines)
    }
    return StoredModule("".join(lines), {this_python(): marshal.dumps(functions)})


def _roots(text: str, filename: str, lines: list[str]) -> Iterator[tuple[CodeType, Root]]:
    tree = ast.parse(text, filename)
    codes: dict[tuple[str, int], list[CodeType]] = {}
    for code in functions_in(compile(text, filename, "exec", dont_inherit=True)):
        codes.setdefault((code.co_name, code.co_firstlineno), []).append(code)
    nested, passed = _nested(tree), _passed(tree)
    for at, found in index(tree).items():
        (node, cls), made = found[0], codes.get(at, [])
        may_be_durable = kind_of(node) != "plain" and (node.name in passed or _is_decorated(node))
        if len(found) == len(made) == 1 and may_be_durable and id(node) not in nested:
            root = _root(node, cls, made[0], filename, lines)
            if root is not None:
                yield made[0], root


def _nested(tree: ast.Module) -> set[int]:
    """Functions inside a function that may be durable: they are compiled with it."""
    return {
        id(inner)
        for outer in ast.walk(tree)
        if isinstance(outer, FUNCTIONS) and kind_of(outer) != "plain"
        for inner in ast.walk(outer)
        if isinstance(inner, FUNCTIONS) and inner is not outer
    }


def _root(node: FunctionNode, cls: str | None, code: CodeType, filename: str, lines: list[str]) -> Root | None:
    private = cls if cls and uses_private(node) else None
    try:
        root = build("", code.co_qualname, filename, node, set(code.co_freevars), code.co_flags, private, lines)
        live_code(root.plan)
        for plan in root.plans.values():
            if plan.durable:
                resume_code(plan)
    except TransformError:
        return None  # if it is durable, registering it says what is wrong
    return root


def _is_decorated(node: FunctionNode) -> bool:
    names = {_last_name(d) for d in node.decorator_list}
    return bool(names) and "activity" not in names


def _passed(tree: ast.Module) -> set[str]:
    """Names that are given to some call: ``shop = workflow(shop_body)``."""
    calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
    given = [a for call in calls for a in [*call.args, *(k.value for k in call.keywords)]]
    return {a.id if isinstance(a, ast.Name) else a.attr for a in given if isinstance(a, (ast.Name, ast.Attribute))}


def _last_name(decorator: ast.expr) -> str:
    while isinstance(decorator, ast.Call):
        decorator = decorator.func
    return str(getattr(decorator, "attr", "") or getattr(decorator, "id", ""))


# ------------------------------------------------------------------ one function, as plain values


def _freeze(root: Root) -> tuple[Any, ...]:
    """What :func:`weft_core.frames.cache.thaw.thaw` makes the same root of."""
    numbers = {id(p): i for i, p in enumerate(root.plans.values())}
    return (
        (root.qualname, root.lineno, root.end_lineno, root.flags, root.cls, tuple(root.mentions)),
        [_plan(p, numbers) for p in root.plans.values()],
        _code(root.plan.live_code, numbers),
    )


def _plan(p: Plan, numbers: dict[int, int]) -> tuple[Any, ...]:
    resume = None if p.resume_code is None else marshal.dumps(_code(p.resume_code, numbers))
    parent = None if p.parent is None else numbers[id(p.parent)]
    names = [sorted(p.captured), sorted(p.free), sorted(p.env), p.cells, p.params, sorted(p.user_locals), p.names]
    labels = [_label(label) for label in p.labels] if p.durable else []
    return parent, (p.name, p.path, p.kind, p.hash), (p.is_comp, p.pretty), names, p.stores, p.needs_ev, labels, resume


def _label(label: Label) -> tuple[Any, ...]:
    around = tuple(x if isinstance(x, str) else fingerprint(x) for x in label.around)
    place = (label.n, label.lineno, label.text, label.id, label.count, label.named, label.path, around)
    return type(label.node).__name__, (*place, stmt_hash(label)), label.save, sorted(label.soft)


def _code(code: CodeType | None, numbers: dict[int, int]) -> tuple[CodeType, list[tuple[tuple[int, ...], int]]]:
    """The code, and where in it stands the code of which plan."""
    assert code is not None
    return code, [(place, numbers[id(plan)]) for place, plan in _filed(code, ())]


def _filed(code: CodeType, place: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Plan]]:
    for i, const in enumerate(code.co_consts):
        if isinstance(const, CodeType):
            filed = CODES.get(id(const))
            if filed is not None:
                yield (*place, i), filed[1]
            yield from _filed(const, (*place, i))

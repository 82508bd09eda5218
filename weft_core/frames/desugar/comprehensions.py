"""Comprehensions that suspend become nested durable functions; so do generator expressions that outlive a suspension.

A list comprehension keeps its list and its iterators on the interpreter's stack. As a function of its own,
``.listcomp0``, it is just another frame with ordinary loops. What an ``await`` may not see of this: tracebacks say
``<listcomp>``, walrus targets are nonlocal, and ``super()`` names its class and object.
"""

from __future__ import annotations

import ast
import sys
from typing import Any, Literal

from weft_core.frames.fingerprint import fingerprint
from weft_core.frames.nodes import (
    LOAD,
    NOWHERE,
    STORE,
    Comprehension,
    FunctionNode,
    arguments,
    assign,
    assign_all,
    at,
    attribute,
    call,
    const,
    function_def,
    if_,
    name,
    notes_of,
    walrus,
)
from weft_core.frames.suspension import Suspends

# What these are given is used up when they return: a generator expression there stays an ordinary one, and fast.
_EAGER = frozenset(
    ("all", "any", "dict", "frozenset", "join", "list", "max", "min", "set", "sorted", "sum", "tuple", "extend")
)

_Kind = Literal["list", "set", "dict", "gen"]
_KINDS: dict[type[ast.expr], _Kind] = {
    ast.ListComp: "list",
    ast.SetComp: "set",
    ast.DictComp: "dict",
    ast.GeneratorExp: "gen",
}


def lower_comprehensions(fn: FunctionNode, suspends: Suspends) -> None:
    """Rewrite ``fn`` in place, and the functions nested in it. The made functions stand first in its body."""
    lower = _Lower(suspends, fn)
    fn.body = [lower.visit(s) for s in fn.body]
    note = notes_of(fn)
    prologue: list[ast.stmt] = []
    if note.forced_locals:
        # never run: makes the walrus targets locals of this function
        declare = assign_all(sorted(note.forced_locals), const(None))
        prologue.append(at(if_(const(False), [declare]), NOWHERE))
    prologue += lower.made
    note.prologue = prologue
    fn.body = prologue + fn.body
    suspends.forget()


class _Lower(ast.NodeTransformer):
    def __init__(self, suspends: Suspends, fn: FunctionNode) -> None:
        self.suspends, self.fn = suspends, fn
        self.made: list[ast.stmt] = []
        self.count = 0
        self.consumed: set[int] = set()
        self.fn_suspends = suspends.any(fn.body)

    # -- what is visited

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        self._defaults(node.args)
        return node

    def visit_FunctionDef(self, node: FunctionNode) -> ast.stmt:
        node.decorator_list = [self.visit(d) for d in node.decorator_list]
        self._defaults(node.args)
        lower_comprehensions(node, self.suspends)
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def _defaults(self, a: ast.arguments) -> None:
        a.defaults = [self.visit(x) for x in a.defaults]
        a.kw_defaults = [x and self.visit(x) for x in a.kw_defaults]

    def comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp) -> ast.expr:
        if not self.suspends(node):
            return node
        if self.suspends.in_comprehension(node):
            return self.build(node)
        node.generators[0].iter = self.visit(node.generators[0].iter)
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = comprehension

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.expr:
        if self.suspends.in_comprehension(node) or (self.fn_suspends and id(node) not in self.consumed):
            return self.build(node)
        if self.suspends(node):
            node.generators[0].iter = self.visit(node.generators[0].iter)
        return node

    def visit_For(self, node: ast.For) -> Any:
        if isinstance(node.iter, ast.GeneratorExp) and not self.suspends.any(node.body):
            self.consumed.add(id(node.iter))
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> Any:
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if called in _EAGER:
            self.consumed.update(id(x) for x in node.args if isinstance(x, ast.GeneratorExp))
        return self.generic_visit(node)

    # -- what is made

    def build(self, node: Comprehension) -> ast.expr:
        """Make the function for ``node``, and return the expression that calls it."""
        kind = _KINDS[type(node)]
        function_name = f".{kind}comp{self.count}"
        self.count += 1  # now: the first iterable may hold comprehensions too
        suspends_inside = self.suspends.in_comprehension(node)
        digest = fingerprint(node)
        first: ast.expr = self.visit(node.generators[0].iter)
        if kind == "gen" and not node.generators[0].is_async:
            first = at(call(".iter", first), first)
        loops = _loops(node, kind, _innermost(node))
        body = [*self._declare_walrus_targets(node), *_accumulate(kind, loops)]
        _name_super(loops, self._first_arg())
        is_async = kind != "gen" or suspends_inside
        fn: Any = ast.AsyncFunctionDef if is_async else ast.FunctionDef
        fn = at(function_def(fn, function_name, arguments(".it"), body), node)
        note = notes_of(fn)
        note.comprehension, note.digest = True, digest
        note.first_arg = self._first_arg()
        note.pretty = "<genexpr>" if kind == "gen" else f"<{kind}comp>"
        lower_comprehensions(fn, self.suspends)
        self.made.append(fn)
        if kind == "gen":
            self.suspends.forget()
            return at(call(function_name, first), node)
        awaited = at(ast.Await(value=call(function_name, first)), node)
        note = notes_of(awaited)
        note.kind, note.digest = kind + "comp", digest
        self.suspends.forget(awaited)
        return awaited

    def _first_arg(self) -> str | None:
        """What zero-argument ``super()`` takes as the object, here and in functions made from comprehensions."""
        positional = self.fn.args.posonlyargs + self.fn.args.args
        return notes_of(self.fn).first_arg or (positional[0].arg if positional else None)

    def _declare_walrus_targets(self, node: Comprehension) -> list[ast.stmt]:
        """``(x := ...)`` in a comprehension binds in the function around it."""
        targets = sorted(_walrus_targets(node))
        global_names = _declared(self.fn, ast.Global)
        outer = [t for t in targets if t not in global_names]
        out: list[ast.stmt] = []
        if len(outer) < len(targets):
            out.append(ast.Global(names=[t for t in targets if t in global_names]))
        if outer:
            out.append(ast.Nonlocal(names=outer))
            already = _declared(self.fn, ast.Nonlocal)
            notes_of(self.fn).forced_locals.update(t for t in outer if t not in already)
        return out


def _innermost(node: Comprehension) -> list[ast.stmt]:
    """What is done with each element."""
    if isinstance(node, ast.GeneratorExp):
        return [ast.Expr(at(ast.Yield(value=node.elt), node.elt))]
    if isinstance(node, ast.DictComp):
        # Python evaluates the key, then the value, then stores
        place = ast.Subscript(value=name(".r"), slice=name(".k"), ctx=STORE)
        return [assign(".k", node.key), assign(place, node.value)]
    method = "append" if isinstance(node, ast.ListComp) else "add"
    return [assign(".e", node.elt), ast.Expr(call(attribute(".r", method), name(".e")))]


def _loops(node: Comprehension, kind: _Kind, inner: list[ast.stmt]) -> list[ast.stmt]:
    """The ``for`` and ``if`` parts around the innermost statements. The first iterable is the argument ``.it``."""
    for i, g in reversed(list(enumerate(node.generators))):
        for condition in reversed(g.ifs):
            inner = [at(if_(condition, inner), condition)]
        source = g.iter if i else _first_iterable(kind)
        where = g.iter if i else node
        if g.is_async:
            inner = [at(ast.AsyncFor(target=g.target, iter=source, body=inner, orelse=[], type_comment=None), where)]
        else:
            inner = [at(ast.For(target=g.target, iter=source, body=inner, orelse=[], type_comment=None), where)]
    return inner


def _first_iterable(kind: _Kind) -> ast.expr:
    if kind == "gen" or sys.version_info < (3, 12):
        return name(".it")
    # comprehensions are inlined from 3.12 on and own their iterator: do not keep it in the argument too
    pair = ast.Tuple(elts=[name(".it"), walrus(".it", const(None))], ctx=LOAD)
    made = ast.Subscript(value=pair, slice=const(0), ctx=LOAD)
    notes_of(made).source = name(".it")  # labels must be the same in all versions
    return made


def _accumulate(kind: _Kind, loops: list[ast.stmt]) -> list[ast.stmt]:
    empty: ast.expr
    if kind == "gen":
        return loops
    if kind == "list":
        empty = ast.List(elts=[], ctx=LOAD)
    elif kind == "dict":
        empty = ast.Dict(keys=[], values=[])
    else:
        empty = call(".set")
    return [assign(".r", empty), *loops, ast.Return(value=name(".r"))]


def _name_super(body: list[ast.stmt], first_arg: str | None) -> None:
    """``super()`` -> ``super(__class__, self)``: the comprehension is about to become a function without ``self``."""
    if not first_arg:
        return
    for s in body:
        for n in ast.walk(s):
            if is_bare_super(n):
                name_super(n, first_arg)


def is_bare_super(n: ast.AST) -> bool:
    """Is this a call of ``super`` without arguments?"""
    return (
        isinstance(n, ast.Call)
        and isinstance(n.func, ast.Name)
        and n.func.id == "super"
        and not n.args
        and not n.keywords
    )


def name_super(n: Any, first_arg: str) -> None:
    """Give a bare ``super()`` its two arguments."""
    n.args = [at(name("__class__"), n), at(name(first_arg), n)]


def _walrus_targets(node: Comprehension) -> set[str]:
    out: set[str] = set()
    todo: list[ast.AST] = list(ast.iter_child_nodes(node))
    while todo:
        n = todo.pop()
        if isinstance(n, ast.NamedExpr):
            out.add(n.target.id)
        if not isinstance(n, ast.Lambda):
            todo.extend(ast.iter_child_nodes(n))
    return out


def _declared(fn: FunctionNode, kind: type[ast.Global] | type[ast.Nonlocal]) -> set[str]:
    """Names in the ``global`` or ``nonlocal`` statements of ``fn`` itself."""
    out: set[str] = set()
    todo: list[ast.AST] = list(fn.body)
    while todo:
        n = todo.pop()
        if isinstance(n, kind):
            out.update(n.names)
        if not isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            todo.extend(ast.iter_child_nodes(n))
    return out

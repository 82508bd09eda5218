"""Small builders for syntax trees, and where the made nodes are located.

The transformation replaces parts of the author's tree by statements of its own. Two rules hold for all of them:

* **Hidden names begin with a dot** (``.i0``, ``.t1``). No author can write such a name, so none can collide.
* **Bookkeeping has no line.** Code on a normal path is located :data:`NOWHERE`, so that debuggers and coverage see only
  the author's lines. Code on an *exceptional* path has the line of its statement (:func:`first_line`): CPython would
  leave ``frame.f_lineno`` None there, and ``bdb`` crashes on that.

What one pass of the transformation knows about a node and a later pass needs is kept beside the node: :func:`notes_of`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SUSPENSIONS = (ast.Await, ast.Yield, ast.YieldFrom)

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
ScopeNode = FunctionNode | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp

# t-strings exist from 3.14 on
TEMPLATES: tuple[type[ast.AST], ...] = tuple(t for t in (getattr(ast, "TemplateStr", None),) if t)
INTERPOLATIONS: tuple[type[ast.AST], ...] = tuple(t for t in (getattr(ast, "Interpolation", None),) if t)

LOAD, STORE, DELETE = ast.Load(), ast.Store(), ast.Del()

Node = TypeVar("Node", bound=ast.AST)


class Located(Protocol):
    """A node that has a position."""

    lineno: int
    col_offset: int


class TryFin(ast.stmt):
    """``try: inner finally: finalbody`` whose ``finally`` suspends; from ``desugar_try``, spelled out by ``emit_try``.

    While the ``finally`` runs, hidden locals hold what waits behind it: ``.fk<depth>`` says which kind (see
    :data:`PENDING`), ``.fv<depth>`` the returned value and ``.fx<depth>`` the exception.
    """

    _fields = ("inner", "finalbody")
    _attributes = ("lineno", "col_offset", "end_lineno", "end_col_offset")
    _field_types = {"inner": list, "finalbody": list}  # noqa: RUF012 - the form that ast wants

    inner: list[ast.stmt]
    finalbody: list[ast.stmt]
    depth: int
    in_async_generator: bool
    jumps: set[int]


def new_try_fin() -> TryFin:
    made: Any = TryFin  # typeshed knows no fields of ours
    node: TryFin = made(inner=[], finalbody=[])
    return node


# what waits behind a suspending finally: an exception, or a jump that goes on when it ends
NOTHING_PENDING, RAISE_PENDING, RETURN_PENDING, BREAK_PENDING, CONTINUE_PENDING = range(5)


@dataclass(slots=True)
class Notes:
    """What the transformation knows about one node beyond its fields."""

    # a for loop / with block / handler / match that suspends inside: the hidden local that holds its state
    iterator: str | None = None
    manager: str | None = None
    caught: str | None = None
    selector: str | None = None
    # a while loop made from `async for`: state and name that the labels inside get
    hidden: tuple[str, ...] = ()
    path: str | None = None
    # the text of a construct's head that a run inside it depends on: what it loops over, enters, catches
    header: str = ""
    # a try statement that is bookkeeping: its finally must run at eviction too
    quiet: bool = False
    # an await that was made from another construct: its kind, the author's expression, a fingerprint of the whole
    kind: str | None = None
    source: ast.expr | None = None
    digest: str | None = None
    # a function: the root, or made from a comprehension
    root: bool = False
    comprehension: bool = False
    pretty: str | None = None
    first_arg: str | None = None
    forced_locals: set[str] = field(default_factory=set)
    prologue: list[ast.stmt] = field(default_factory=list)


def notes_of(node: ast.AST) -> Notes:
    """The notes on ``node``, made when first asked for; ``copy.copy(node)`` shares them."""
    found: Notes | None = node.__dict__.get(".notes")
    if found is None:
        found = node.__dict__[".notes"] = Notes()
    return found


# ------------------------------------------------------------------ locations


def at(node: Node, ref: Located) -> Node:
    """Give ``node``, and those below it that have no location yet, the location of ``ref``."""
    end_line, end_column = getattr(ref, "end_lineno", None), getattr(ref, "end_col_offset", None)
    location = {
        "lineno": ref.lineno,
        "col_offset": ref.col_offset,
        "end_lineno": ref.lineno if end_line is None else end_line,
        "end_col_offset": ref.col_offset if end_column is None else end_column,
    }
    todo: list[ast.AST] = [node]
    while todo:
        n = todo.pop()
        if "lineno" in n._attributes:
            if not hasattr(n, "lineno"):
                n.__dict__.update(location)
            elif n is not node:
                continue  # located nodes have located children
        todo.extend(children(n))
    return node


def children(node: ast.AST) -> Iterator[ast.AST]:
    """Like ``ast.iter_child_nodes``, but accepts a node that lacks a field."""
    for f in node._fields:
        value = getattr(node, f, None)
        if isinstance(value, list):
            yield from (x for x in value if isinstance(x, ast.AST))
        elif isinstance(value, ast.AST):
            yield value


def _position(line: int, column: int) -> ast.Pass:
    return ast.Pass(lineno=line, col_offset=column, end_lineno=line, end_col_offset=column)


def start_of(node: Located) -> ast.Pass:
    """A location that covers only the point where ``node`` begins."""
    return _position(node.lineno, node.col_offset)


def first_line(node: Located) -> ast.Pass:
    """The start of ``node``, or line 1 if it is nowhere: for code on exceptional paths, which must have a line."""
    return _position(node.lineno if node.lineno > 0 else 1, max(0, node.col_offset))


def first_located(stmts: Iterable[ast.stmt], default: Located) -> ast.Pass:
    """The line of the first real statement; code that shares it causes no line event of its own."""
    for s in stmts:
        if s.lineno > 0:
            return first_line(s)
        for n in ast.walk(s):
            if isinstance(n, (ast.expr, ast.stmt, ast.excepthandler, ast.pattern)) and getattr(n, "lineno", 0) > 0:
                return first_line(n)
    return first_line(default)


def _nowhere() -> ast.Pass:
    """Line -1, which makes no line events. Should a later ``compile`` refuse it: line 1."""
    probe = ast.parse("def f():\n  x = 1\n  return x")
    for n in ast.walk(probe.body[0].body[0]):  # type: ignore[attr-defined]  # the body of f
        if hasattr(n, "lineno"):
            n.__dict__.update(lineno=-1, end_lineno=-1, col_offset=-1, end_col_offset=-1)
    try:
        compile(probe, "<probe>", "exec")
    except ValueError:  # pragma: no cover - no known version
        return _position(1, 0)
    return _position(-1, -1)


NOWHERE = _nowhere()


# ------------------------------------------------------------------ expressions


def name(identifier: str) -> ast.Name:
    return ast.Name(id=identifier, ctx=LOAD)


def store(identifier: str) -> ast.Name:
    return ast.Name(id=identifier, ctx=STORE)


def const(value: Any) -> ast.Constant:
    return ast.Constant(value=value)


def call(function: str | ast.expr, *args: ast.expr) -> ast.Call:
    return ast.Call(func=name(function) if isinstance(function, str) else function, args=list(args), keywords=[])


def attribute(owner: str, attr: str) -> ast.Attribute:
    return ast.Attribute(value=name(owner), attr=attr, ctx=LOAD)


def walrus(identifier: str, value: ast.expr) -> ast.NamedExpr:
    return ast.NamedExpr(target=store(identifier), value=value)


def not_(operand: ast.expr) -> ast.UnaryOp:
    return ast.UnaryOp(op=ast.Not(), operand=operand)


def compare(left: ast.expr, op: ast.cmpop, right: ast.expr) -> ast.Compare:
    return ast.Compare(left=left, ops=[op], comparators=[right])


def equals(identifier: str, value: int) -> ast.Compare:
    return compare(name(identifier), ast.Eq(), const(value))


def empty_tuple() -> ast.Tuple:
    return ast.Tuple(elts=[], ctx=LOAD)


# ------------------------------------------------------------------ statements


def assign(target: str | ast.expr, value: ast.expr) -> ast.Assign:
    return assign_all([store(target) if isinstance(target, str) else target], value)


def assign_all(targets: Sequence[str | ast.expr], value: ast.expr) -> ast.Assign:
    """``a = b = value``."""
    found = [store(t) if isinstance(t, str) else t for t in targets]
    return ast.Assign(targets=found, value=value, type_comment=None)


def clear(*identifiers: str) -> ast.Assign:
    """``a = b = None``."""
    return assign_all(identifiers, const(None))


def if_(test: ast.expr, body: Iterable[ast.stmt], orelse: Iterable[ast.stmt] = ()) -> ast.If:
    return ast.If(test=test, body=list(body) or [ast.Pass()], orelse=list(orelse))


def reraise() -> ast.Raise:
    """A bare ``raise``."""
    return ast.Raise(exc=None, cause=None)


def raise_(error: ast.expr) -> ast.Raise:
    return ast.Raise(exc=error, cause=None)


def try_(
    body: list[ast.stmt],
    handlers: list[ast.ExceptHandler] | None = None,
    orelse: list[ast.stmt] | None = None,
    finalbody: list[ast.stmt] | None = None,
) -> ast.Try:
    return ast.Try(body=body, handlers=handlers or [], orelse=orelse or [], finalbody=finalbody or [])


def handler(kind: str | None, caught: str | None, body: list[ast.stmt]) -> ast.ExceptHandler:
    """``except kind as caught: body`` with hidden names."""
    return ast.ExceptHandler(type=name(kind) if kind else None, name=caught, body=body)


def arguments(*names: str) -> ast.arguments:
    """A signature of plain positional parameters."""
    args = [ast.arg(arg=n, annotation=None, type_comment=None) for n in names]
    return ast.arguments(posonlyargs=[], args=args, vararg=None, kwonlyargs=[], kw_defaults=[], kwarg=None, defaults=[])


def function_def(kind: type[Node], identifier: str, args: ast.arguments, body: list[ast.stmt]) -> Node:
    """A ``def`` or ``async def`` without decorators (``type_params`` is a field from 3.12 on only)."""
    node: Any = kind
    return node(  # type: ignore[no-any-return]
        name=identifier, args=args, body=body, decorator_list=[], returns=None, type_comment=None, **TYPE_PARAMS
    )


TYPE_PARAMS: dict[str, Any] = {"type_params": []} if "type_params" in ast.FunctionDef._fields else {}


# ------------------------------------------------------------------ reading


def all_args(a: ast.arguments) -> list[ast.arg]:
    """Every parameter: positional, keyword-only, then ``*args`` and ``**kwargs``."""
    return a.posonlyargs + a.args + a.kwonlyargs + [x for x in (a.vararg, a.kwarg) if x]


def defaults_of(a: ast.arguments) -> list[ast.expr]:
    """The default expressions, in evaluation order."""
    return a.defaults + [k for k in a.kw_defaults if k is not None]

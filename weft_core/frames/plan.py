"""What is known about one durable function: its names, its labels, its code objects.

A :class:`Root` is a function that was decorated; a :class:`Plan` is that function or one nested in it (a def, a lambda,
a comprehension that suspends). :data:`CODES` leads from a running frame's code object back to its plan.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, Literal

from weft_core.frames.labels import Label
from weft_core.frames.mentions import Mentions
from weft_core.frames.nodes import FUNCTIONS, ScopeNode, defaults_of, notes_of
from weft_core.frames.scope import Scope

if TYPE_CHECKING:
    from weft_core.frames.analysis import Analysis  # the compiler is loaded only when something is compiled

Kind = Literal["coro", "gen", "agen", "plain", "lambda"]


class Root:
    """A decorated function: where its source is, and the plans in it by path (``""`` is the function itself)."""

    def __init__(
        self, key: str, qualname: str, filename: str, *, flags: int, cls: str | None, lines: Sequence[str]
    ) -> None:
        self.key, self.qualname, self.filename = key, qualname, filename
        self.flags = flags  # of the author's code object, for its __future__ features
        self.cls = cls  # the class around a method that uses private names, which are mangled with it
        self.lines = lines  # of the whole file
        self.lineno = self.end_lineno = 0  # the function with its decorators
        self.plans: dict[str, Plan] = {}
        self.plan: Plan
        self.mentions = Mentions()
        self.with_tree: Root | None = None  # of one from the build-time cache, when its syntax tree was needed
        # set by the decorator
        self.fn: Any = None
        self.env: dict[str, Any] = {}
        self.globals: dict[str, Any] = {}


class Plan:
    """One function. ``path`` is its place in the root: ``helper``, ``helper/<lambda>#2``, ``.listcomp0``."""

    __slots__ = (
        *("root", "parent", "children", "node", "name", "path", "kind", "pretty", "is_comp", "hash", "ordinals"),
        *("scope", "captured", "free", "env", "cells", "params", "user_locals", "names", "stores", "declared"),
        *("analysis", "labels", "by_id", "needs_ev", "live_code", "resume_code", "stored_resume", "resume_fn"),
    )

    def __init__(
        self, root: Root, parent: Plan | None, node: ScopeNode | None, name: str, path: str, kind: Kind, hash: str
    ) -> None:
        self.root, self.parent = root, parent
        self.name, self.path, self.kind, self.hash = name, path, kind, hash
        self.node: ScopeNode  # not there if the function came from the build-time cache; so are scope and analysis
        self.is_comp, self.pretty = False, name  # how tracebacks show it
        if node is not None:
            self.node, self.is_comp, self.pretty = node, notes_of(node).comprehension, notes_of(node).pretty or name
        self.children: list[Plan] = []
        self.ordinals: dict[str, int] = {}  # how many nested functions have this name
        # names
        self.scope: Scope
        self.captured: set[str] = set()  # locals that live in cells, because nested functions use them
        self.free: set[str] = set()  # locals of the functions around it, inside the root
        self.env: set[str] = set()  # names that the root itself captures
        self.cells: list[str] = []  # captured and free
        self.params: list[str] = []
        self.user_locals: set[str] = set()  # the author's locals that are not captured
        self.names: list[str] = []  # what a resumed frame is given, in order
        self.stores: dict[str, list[int]] = {}  # local -> lines that assign it, for error messages
        self.declared: tuple[list[str], list[str]] = ([], [])  # global, nonlocal
        # suspension points
        self.analysis: Analysis
        self.labels: list[Label] = []
        self.by_id: dict[str, Label] = {}
        self.needs_ev = False
        # code
        self.live_code: CodeType | None = None
        self.resume_code: CodeType | None = None
        self.stored_resume: bytes | None = None  # the resume variant as the build-time cache holds it
        self.resume_fn: FunctionType | None = None
        root.plans[path] = self
        if parent is not None:
            parent.children.append(self)

    @property
    def durable(self) -> bool:
        """Its frames can be checkpointed."""
        return self.kind in ("coro", "gen", "agen")

    @property
    def key(self) -> str:
        return self.root.key + ("" if not self.path else "/" + self.path)

    def where(self) -> str:
        """The function's name for messages."""
        return f"{self.root.qualname}{'.<locals>.' + self.path if self.path else ''}"


def stored_path(plan: Plan) -> str:
    """Its path as checkpoints have it: the first of several functions with one name has a number too, so that it is not
    taken for the only one when the others are gone."""
    return f"{plan.path}#1" if plan.path and f"{plan.path}#2" in plan.root.plans else plan.path


# id(code object) -> (code object, plan); the code object is kept, since an id may be used again
CODES: dict[int, tuple[CodeType, Plan]] = {}


def kind_of(fn: ScopeNode) -> Kind:
    """Coroutine function, generator function, async generator function, ordinary function or lambda."""
    if isinstance(fn, ast.Lambda):
        return "lambda"
    yields = _yields(fn)
    if isinstance(fn, ast.AsyncFunctionDef):
        return "agen" if yields else "coro"
    return "gen" if yields else "plain"


def _yields(fn: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Is there a ``yield`` that belongs to ``fn`` itself?"""
    todo: list[ast.AST] = list(fn.body)
    while todo:
        n = todo.pop()
        if isinstance(n, (ast.Yield, ast.YieldFrom)):
            return True
        if isinstance(n, FUNCTIONS):
            todo += n.decorator_list
            todo += defaults_of(n.args)
        elif isinstance(n, ast.Lambda):
            todo += defaults_of(n.args)
        elif isinstance(n, ast.ClassDef):
            todo += n.decorator_list
            todo += n.bases
        else:
            todo.extend(ast.iter_child_nodes(n))
    return False

"""Labels: the identity of suspension points.

A label is one ``await`` or ``yield`` of a function. A checkpoint does not name its line, which moves when code above it
is edited, but what it *is*: its text (``ctx.run('pay')``), its ordinal among equal texts, the constructs around it,
and the hash of its statement. With these a checkpoint finds its label again in changed code, or knows that it cannot.
"""

from __future__ import annotations

import ast
import copy
import re
from typing import Any

from .fingerprint import digest, fingerprint
from .nodes import TEMPLATES, notes_of


class Label:
    """One suspension point of one function, and what is saved there.

    ``n`` counts from 1 in evaluation order. ``save`` lists the locals a checkpoint holds, in order; those in ``soft``
    are left out when they cannot be stored, because they can be computed again.
    """

    __slots__ = (
        "count",
        "hidden",
        "id",
        "lineno",
        "live",
        "n",
        "node",
        "path",
        "save",
        "soft",
        "statement",
        "stmt",
        "temps",
        "text",
    )

    def __init__(
        self, n: int, node: ast.Await | ast.Yield | ast.YieldFrom | None, stmt: ast.AST | None, lineno: int = 0
    ) -> None:
        self.n, self.lineno = n, lineno if node is None else node.lineno
        # None in a function that came from the build-time cache, which keeps what is made of them
        self.node: Any = node
        self.stmt: Any = stmt
        self.temps: tuple[tuple[str, bool], ...] = ()  # values already computed in its statement: (name, soft)
        self.hidden: frozenset[str] = frozenset()  # state of the constructs around it
        self.path: tuple[str, ...] = ()  # the constructs around it that must be re-entered
        self.live: set[str] = set()
        self.save: list[str] = []
        self.soft: set[str] = set()
        self.text = ""
        self.id = ""
        self.count = 0
        self.statement = ""  # see stmt_hash


def identify(labels: list[Label]) -> dict[str, Label]:
    """Give each label its text, id and count; equal texts get ordinals. Returns the labels by id."""
    groups: dict[str, list[Label]] = {}
    for label in labels:
        label.text = _text(label)
        groups.setdefault(label.text, []).append(label)
    by_id: dict[str, Label] = {}
    for text, group in groups.items():
        for i, label in enumerate(group):
            label.id = text if len(group) == 1 else f"{text}#{i}"
            label.count = len(group)
            by_id[label.id] = label
    return by_id


def label_sig(label: Label) -> str:
    """The nesting that a resume must find again, e.g. ``for/with/except``."""
    return "/".join(label.path)


def stmt_hash(label: Label) -> str:
    """The fingerprint of the label's statement (of its header, if it is a compound statement)."""
    label.statement = label.statement or fingerprint(label.stmt)
    return label.statement


def _text(label: Label) -> str:
    node, note = label.node, notes_of(label.node)
    value = node.value
    if note.kind is not None:
        source = note.source or value
        if note.source is None and isinstance(value, ast.Call) and value.args:
            source = value.args[0]
        if source is not None:
            source = notes_of(source).source or source
        text = f"{note.kind} {_unparse(source)}"
        return text if note.digest is None else f"{text} ~{note.digest[:6]}"
    prefix = {ast.Await: "", ast.Yield: "yield ", ast.YieldFrom: "yield from "}[type(node)]
    if value is None:
        return "yield"
    return prefix + (_call_text(value) if isinstance(value, ast.Call) else _unparse(value))


def _call_text(n: ast.Call) -> str:
    """The called name, and the first argument if it names something: ``ctx.run('pay')``."""
    first = n.args[0] if n.args else None
    argument = ""
    if isinstance(first, ast.Constant) and isinstance(first.value, (str, int)):
        argument = repr(first.value)
    elif isinstance(first, (ast.Name, ast.Attribute)):
        argument = _unparse(first)
    return f"{_unparse(n.func)}({argument})"


def _unparse(e: ast.expr | None, limit: int = 60) -> str:
    if e is None:
        return ""
    if any(isinstance(n, _STRINGS) for n in ast.walk(e)):
        e = _WithoutFStrings().visit(copy.deepcopy(e))
    try:
        text = ast.unparse(e)
    except Exception:  # a tree that unparse does not know: the label is still unique by its ordinal
        text = type(e).__name__
    if ".followed(" in text:
        text = re.sub(r"\.followed\(([\w.]+)\)", r"\1", text)  # itertools, see iterators_follow
    return text if len(text) <= limit else text[: limit - 8] + "~" + digest(text)[:7]


_STRINGS: tuple[type[ast.AST], ...] = (ast.JoinedStr, *TEMPLATES)


class _WithoutFStrings(ast.NodeTransformer):
    """Python versions write f-strings in different ways; a label must be the same in all."""

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, _STRINGS):
            return ast.Name(id=f"f'~{fingerprint(node)[:6]}'", ctx=ast.Load())
        return super().visit(node)

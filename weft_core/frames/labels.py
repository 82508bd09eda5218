"""Labels: the identity of suspension points.

A label is one ``await`` or ``yield`` of a function. A checkpoint does not name its line, which moves when code above it
is edited, but what it *is*: its text (``ctx.run('pay')``), its ordinal among equal texts, the constructs around it with
their headers, the hash of its statement, and which labels come before and after it. With these a checkpoint finds its
label again in changed code, or knows that it cannot (see ``match``).
"""

from __future__ import annotations

import ast
import copy
import hashlib
import re
from collections.abc import Sequence
from typing import Any

from weft_core.frames.fingerprint import digest, fingerprint
from weft_core.frames.nodes import TEMPLATES, notes_of


class Label:
    """One suspension point of one function, and what is saved there.

    ``n`` counts from 1 in evaluation order. ``save`` lists the locals a checkpoint holds, in order; those in ``soft``
    are left out when they cannot be stored, because they can be computed again.
    """

    __slots__ = (
        "around",
        "count",
        "hidden",
        "id",
        "lineno",
        "live",
        "n",
        "named",
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
        # In a function that came from the build-time cache, the node is empty and there is no statement.
        self.node: Any = node
        self.stmt: Any = stmt
        self.temps: tuple[tuple[str, bool], ...] = ()  # values already computed in its statement: (name, soft)
        self.hidden: frozenset[str] = frozenset()  # state of the constructs around it
        self.path: tuple[str, ...] = ()  # the constructs around it that must be re-entered, with their headers' hashes
        self.around: tuple[ast.AST | str, ...] = ()  # the headers of all constructs around it
        self.named = True  # its text says which operation it is
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
        label.named = _is_named(label)
        groups.setdefault(label.text, []).append(label)
    by_id: dict[str, Label] = {}
    for text, group in groups.items():
        for i, label in enumerate(group):
            label.id = text if len(group) == 1 else f"{text}#{i}"
            label.count = len(group)
            by_id[label.id] = label
    return by_id


def label_sig(label: Label) -> str:
    """The nesting that a resume must find again, each construct with the hash of its header: ``for:3f2a91/with:…``."""
    return "/".join(label.path)


def nesting(sig: str) -> str:
    """A nesting as people read it: ``for/with``."""
    return "/".join(part.partition(":")[0] for part in sig.split("/")) or "top level"


def stmt_hash(label: Label) -> str:
    """The fingerprint of the label's statement (of its header, if it is a compound statement)."""
    label.statement = label.statement or fingerprint(label.stmt)
    return label.statement


def exact_hash(label: Label) -> str:
    """The statement and the headers of all constructs around it: equal for what nobody could tell apart."""
    parts = [label.text, stmt_hash(label), label_sig(label)]
    parts += [x if isinstance(x, str) else fingerprint(x) for x in label.around]
    return digest("\n".join(parts))[:8]


def twins(label: Label, labels: Sequence[Label]) -> int:
    """How many labels are exactly like this one, itself included."""
    if label.count == 1:
        return 1
    exact = exact_hash(label)
    return sum(other.text == label.text and exact_hash(other) == exact for other in labels)


WINDOW = 16
"""How many neighbours on each side a checkpoint names. An await that was moved has passed its nearest one first."""


def neighbours(label: Label, labels: Sequence[Label], window: int | None = WINDOW) -> tuple[bytes, bytes]:
    """The texts of the labels before and after this one, two bytes each, in order."""
    before, after = labels[: label.n - 1], labels[label.n :]
    if window is not None:
        before, after = before[-window:], after[:window]
    return b"".join(map(tag_of, before)), b"".join(map(tag_of, after))


def tag_of(label: Label) -> bytes:
    """Two bytes for its text."""
    return hashlib.blake2s(label.text.encode("utf-8", "surrogatepass"), digest_size=2).digest()


def _is_named(label: Label) -> bool:
    """False for ``ctx.all([...])`` and its like: several operations of a function may read so."""
    value = label.node.value
    if notes_of(label.node).kind is not None or not isinstance(value, ast.Call):
        return True
    return not (isinstance(value.func, ast.Attribute) and value.args and label.text.endswith("()"))


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

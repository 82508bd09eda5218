"""Random workflows: every supported construct, nested in every way, in one function."""

from __future__ import annotations

import ast
import copy
import functools
import random
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from tests.frames.differential.compound_statements import COMPOUND
from tests.frames.differential.expressions import EXPRESSIONS
from tests.frames.differential.nested import NESTED, Nested
from tests.frames.differential.prelude import PRELUDE, VARIABLES
from tests.frames.differential.simple_statements import SIMPLE

STYLES = ("async", "async", "async", "yield", "from")
_GUARD = "try:\n{}\nexcept Exception as guarded:\n    T(('guard', guarded))"


def program(seed: int) -> str:
    """The program of a seed. Two of five are generator functions driven by ``yield``."""
    r = random.Random(seed * 31 + 7)
    size, deepest = r.choice([4, 8, 12, 16, 25]), r.choice([2, 3, 4, 5])
    return Generator(seed, STYLES[seed % 5], size, deepest).program()


class Generator(Nested):
    tables = {**EXPRESSIONS, **SIMPLE, **COMPOUND, **NESTED}
    variables = tuple(VARIABLES)

    def program(self) -> str:
        parts = []
        while self.budget > 0:
            text = self.draw_block()
            # most programs should run to their end, whatever fails on the way
            guarded = self.chance(0.7) and not text.startswith(("nonlocal", "global"))
            parts.append(_GUARD.format(textwrap.indent(text, "    ")) if guarded else text)
        return self.assembled("\n".join(parts))

    def assembled(self, body: str) -> str:
        """A module whose ``wf`` has this body."""
        used = set(re.findall(r"\w+", body)) | {"i0"}
        if "o" in used:
            used.add("l1")
        mine = [v for v in VARIABLES if v in used]
        lines = ["global G2"] if "G2" in used else []
        lines += [f"{v} = {VARIABLES[v]}" for v in mine]
        if self.style != "async" and not _suspends(body):
            lines.append("yield from ()")
        shown = [v for v in mine if v not in ("it", "ai", "cl")]
        lines += [body, f"T(('end', {', '.join(shown)}))"]
        if "it" in used:
            lines.append("T(list(itertools.islice(it, 5)))")
        lines.append(f"return {', '.join(shown)},")
        text = "@durable\n$def wf(ctx):\n" + textwrap.indent("\n".join(lines), "    ")
        return _joined([*_prelude(self.style), *_pieces(self.expand(text))])


def _suspends(body: str) -> bool:
    """Does this body make its function a generator?"""
    todo: list[ast.AST] = list(ast.parse("def f():\n" + textwrap.indent(body, "    ")).body[0].body)
    while todo:
        n = todo.pop()
        if isinstance(n, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(n, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            todo.extend(ast.iter_child_nodes(n))
        elif isinstance(n, ast.FunctionDef):
            todo.extend([*n.args.defaults, *filter(None, n.args.kw_defaults), *n.decorator_list])
    return False


@dataclass(frozen=True)
class Piece:
    """One statement of a module: its text, what it defines and what it names."""

    text: str
    defines: frozenset[str]
    names: frozenset[str]


def shaken(text: str) -> str:
    """The module without the definitions and imports that ``wf`` does not lead to."""
    return _joined(_pieces(text))


def _joined(pieces: Sequence[Piece]) -> str:
    defined = {name: p for p in pieces for name in p.defines}
    needed: set[Piece] = set()
    todo = ["wf"]
    while todo:
        piece = defined.get(todo.pop())
        if piece is not None and piece not in needed:
            needed.add(piece)
            todo += piece.names
    return "".join(p.text + "\n" for p in pieces if p in needed or not p.defines)


def _pieces(text: str) -> list[Piece]:
    lines = text.splitlines()
    out = []
    for n in ast.parse(text).body:
        if isinstance(n, (ast.Import, ast.ImportFrom)):
            for alias in n.names:  # each on its own, so that it can be left out
                one = copy.copy(n)
                one.names = [alias]
                out.append(Piece(ast.unparse(one), frozenset({alias.asname or alias.name}), frozenset()))
            continue
        first = min([n.lineno, *(d.lineno for d in getattr(n, "decorator_list", []))])
        names = frozenset(x.id for x in ast.walk(n) if isinstance(x, ast.Name))
        out.append(Piece("\n".join(lines[first - 1 : n.end_lineno]), frozenset(_defined(n)), names))
    return out


@functools.cache
def _prelude(style: str) -> list[Piece]:
    return _pieces(Generator(0, style, 0, 0).expand(PRELUDE))


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [t.id for t in node.targets if isinstance(t, ast.Name)]
    return []

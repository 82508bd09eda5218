"""Where CPython's itertools cannot tell their state, durable functions call stand-ins.

Each load of something of ``itertools`` in a durable function, ``itertools.chain`` or an imported ``chain``, becomes
``.followed(itertools.chain)``, which gives the stand-in where one is needed and the original where it is not. This is
done in all versions, so that code objects and hashes are alike; files that do not import itertools are left alone.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Sequence

from weft_core.codec.references import PREFERRED
from weft_core.frames.iterators.followed import STAND_INS
from weft_core.frames.iterators.originals import TELLS
from weft_core.frames.nodes import at, call
from weft_core.frames.runtime.iteration import FOLLOWED

for _name, _cls in STAND_INS.items():
    if not hasattr(itertools, _name):
        continue
    _original = getattr(itertools, _name)
    _needed = not TELLS or _name == "batched"
    if _needed:
        FOLLOWED[id(_original)] = _cls
    # Bytes name itertools.chain, whichever of the two it was; it is read as what this version uses.
    PREFERRED[id(_cls)] = _cls if _needed else _original


_MODULE = re.compile(r"^[^#\n]*\bimport\b[^#\n]*\bitertools\b(?:[ \t]+as[ \t]+(\w+))?", re.M)
_NAMES = re.compile(r"^[ \t]*from[ \t]+itertools[ \t]+import[ \t]*(\([^)]*\)|[^\n(]*)", re.M)
_NAME = re.compile(r"(\w+)(?:[ \t]+as[ \t]+(\w+))?")


def follow_iterators(fn: ast.AST, lines: Sequence[str]) -> None:
    """Rewrite the loads of itertools in ``fn``, a function of the file with these lines."""
    if not any("itertools" in line for line in lines):
        return
    text = "".join(line if line.endswith("\n") else line + "\n" for line in lines)
    modules = {m[1] or "itertools" for m in _MODULE.finditer(text)}
    names: set[str] = set()
    for found in _NAMES.finditer(text):
        for m in _NAME.finditer(re.sub(r"#[^\n]*", "", found[1])):
            if m[1] in STAND_INS:
                names.add(m[2] or m[1])
    bound = _bound(fn)
    _Rewrite(modules - bound, names - bound).visit(fn)


def _bound(fn: ast.AST) -> set[str]:
    """Names that are something else somewhere in the function."""
    out: set[str] = set()
    for n in ast.walk(fn):
        if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load):
            out.add(n.id)
        elif isinstance(n, ast.arg):
            out.add(n.arg)
        elif isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and n is not fn:
            out.add(n.name)
    return out


class _Rewrite(ast.NodeTransformer):
    def __init__(self, modules: set[str], names: set[str]) -> None:
        self.modules, self.names = modules, names

    def visit_Attribute(self, n: ast.Attribute) -> ast.AST:
        if isinstance(n.value, ast.Name) and n.value.id in self.modules and n.attr in STAND_INS:
            return n if not isinstance(n.ctx, ast.Load) else at(call(".followed", n), n)
        return self.generic_visit(n)

    def visit_Name(self, n: ast.Name) -> ast.AST:
        if n.id in self.names and isinstance(n.ctx, ast.Load):
            return at(call(".followed", n), n)
        return n

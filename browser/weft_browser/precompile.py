"""Packs sources as bytecode. Runs inside Pyodide while a site is built, where nothing of ours is installed.

The stock standard library of Pyodide is a zip of sources that are compiled at every start: half of the start time. A
pack is a zip whose members are not compressed, in one gzip: smaller than a zip, and quicker to import from.
"""

from __future__ import annotations

import ast
import contextlib
import gzip
import importlib
import importlib._bootstrap_external as _bootstrap
import io
import marshal
import re
import sys
import tokenize
import zipfile
from collections.abc import Iterable
from types import ModuleType
from typing import Any

bootstrap: Any = _bootstrap

DATE = (2020, 1, 1, 0, 0, 0)
"""The same input gives the same bytes."""

STDLIB = "/lib/python314.zip/"
OWN = "/lib/weft.zip/"
"""Where a page has the archives: bytecode names its source for tracebacks."""

PACKAGE, IMPORTER = "weft_browser/__init__.py", "weft_browser/packed.py"

_OFTEN = """
_ast_unparse base64 bisect copy csv datetime decimal difflib encodings.cp437 fractions graphlib
hashlib heapq hmac html json numbers pickle pprint random secrets shutil statistics string
tempfile textwrap urllib.parse uuid zoneinfo zoneinfo._common zoneinfo._tzpath zoneinfo._zoneinfo
"""
OFTEN = frozenset(_OFTEN.split())
"""Besides what every start imports, these are bytecode. Others are sources, half as large, compiled when imported."""

AT_START = frozenset(sys.modules)

_DURABLE = re.compile(rb"(?m)^\s*@(\w+\.)?durable\b")


def main(source: str, target: str, kind: str) -> None:
    """Pack the zip ``source``: ``stdlib``, or ``own``."""
    with zipfile.ZipFile(source) as old:
        files = {name: old.read(name) for name in sorted(old.namelist()) if not name.endswith("/")}
    packed = stdlib(files) if kind == "stdlib" else own(files)
    with open(target, "wb") as file:
        file.write(gzip.compress(packed, 9, mtime=0))


def stdlib(files: dict[str, bytes]) -> bytes:
    return _zipped(member for name, data in files.items() for member in _of_stdlib(name, data))


def _zipped(members: Iterable[tuple[str, bytes]], before: bytes = b"") -> bytes:
    packed = io.BytesIO(before)
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_STORED) as new:
        for path, data in members:
            new.writestr(zipfile.ZipInfo(path, DATE), data)
    return packed.getvalue()


# ------------------------------------------------------------------ ours


def own(files: dict[str, bytes]) -> bytes:
    """What packed.py, which is in it, imports from; see there for the parts of a module."""
    modules = {_module(name): _compiled_module(name, data) for name, data in files.items()}
    methods = _methods(modules, files[IMPORTER])
    parts, index, end = [], {}, 0
    for name, (is_package, code, text) in modules.items():
        of_module = [marshal.dumps(code), marshal.dumps(methods[name]) if name in methods else b"", text]
        index[name] = (is_package, end, *map(len, of_module))
        parts += of_module
        end += sum(map(len, of_module))
    begin = [(f"{name}c", bytecode(files[name], OWN + name)) for name in (PACKAGE, IMPORTER)]
    return _zipped([*begin, ("index", marshal.dumps(index))], before=b"".join(parts))


def _module(name: str) -> str:
    return name[:-3].replace("/", ".").removesuffix(".__init__")


def _compiled_module(name: str, data: bytes) -> tuple[bool, Any, bytes]:
    """Durable functions are compiled from their text, and need nothing else of it."""
    durable = _DURABLE.search(data)
    code = compile(data, OWN + name, "exec", dont_inherit=True) if durable else _ours(data, OWN + name)
    return name.endswith("/__init__.py"), code, data if durable else b""


def _methods(modules: dict[str, tuple[bool, Any, bytes]], source: bytes) -> dict[str, dict[str, Any]]:
    """By module, what its dataclasses compile when it is imported: so each of them is imported here."""
    packed: Any = ModuleType("packed")
    exec(compile(source, IMPORTER, "exec", dont_inherit=True), packed.__dict__)
    found: dict[str, dict[str, Any]] = {}

    def compiled(module: str, text: str) -> Any:
        code = found.setdefault(module, {})[text] = compile(text, "<string>", "exec", dont_inherit=True)
        return code

    importer = packed.Importer(
        index={name: (is_package, 0, 0, 0, len(text)) for name, (is_package, _, text) in modules.items()}
    )
    importer.get_code = lambda name: modules[name][1]
    importer.get_source = lambda name: modules[name][2].decode() or None
    importer.compiled = compiled
    packed.use(importer)
    for name in modules:
        with contextlib.suppress(ImportError):  # of a test framework, say, that pages do not have
            importlib.import_module(name)
    return {name: texts for name, texts in found.items() if name in modules}


# ------------------------------------------------------------------ Python's


def _of_stdlib(name: str, data: bytes) -> list[tuple[str, bytes]]:
    if not name.endswith(".py"):
        return [(name, data)]
    module = _module(name)
    if module in AT_START or module in OFTEN:
        return [(f"{name}c", bytecode(data, STDLIB + name))]
    return [(name, stripped(data, STDLIB + name))]


def _ours(source: bytes, filename: str) -> Any:
    """As :func:`_compiled`, but a class is documented by its name: without a text, a dataclass would make one at every
    start, from the signature that it has to work out."""
    tree = ast.parse(source, filename)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            node.body[:1] = [] if len(node.body) > 1 else [ast.copy_location(ast.Pass(), node.body[0])]
        if isinstance(node, ast.ClassDef):
            text = ast.copy_location(ast.Constant(node.name), node.body[0])
            node.body.insert(0, ast.copy_location(ast.Expr(text), node.body[0]))
    return compile(tree, filename, "exec", dont_inherit=True, optimize=1)


def bytecode(source: bytes, filename: str) -> bytes:
    """A .pyc that is never compared with its source (PEP 552, unchecked)."""
    return _pyc(_compiled(source, filename))


def _pyc(code: Any) -> bytes:
    return bytes(bootstrap._code_to_hash_pyc(code, b"\0" * 8, False))


def _compiled(source: bytes, filename: str) -> Any:
    """Without docstrings and assertions; without columns too, as this interpreter was started so."""
    return compile(source, filename, "exec", dont_inherit=True, optimize=2)


def stripped(source: bytes, filename: str) -> bytes:
    """The source without comments and docstrings, on the same lines, if that compiles to the very same code."""
    try:
        shorter = _without_docstrings(_without_comments(source)).encode()
        same = marshal.dumps(_compiled(shorter, filename)) == marshal.dumps(_compiled(source, filename))
    except (SyntaxError, tokenize.TokenError):
        return source
    return shorter if same else source


def _without_comments(source: bytes) -> str:
    text = source.decode(tokenize.detect_encoding(io.BytesIO(source).readline)[0])
    lines = text.split("\n")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    return "\n".join(lines)


def _without_docstrings(text: str) -> str:
    lines = [line.encode() for line in text.split("\n")]  # columns of a tree are bytes
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = node.body[0] if node.body else None
        if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
            continue
        if not isinstance(first.value.value, str):
            continue
        begin, end = first.lineno - 1, (first.end_lineno or first.lineno) - 1
        if lines[end][first.end_col_offset :].strip():
            continue  # something else stands on its line
        instead = b"pass" if len(node.body) == 1 and not isinstance(node, ast.Module) else b""
        lines[begin] = lines[begin][: first.col_offset] + instead
        lines[begin + 1 : end + 1] = [b""] * (end - begin)
    return "\n".join(line.decode().rstrip() for line in lines)

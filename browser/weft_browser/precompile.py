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
from typing import Any

bootstrap: Any = _bootstrap

DATE = (2020, 1, 1, 0, 0, 0)
"""The same input gives the same bytes."""

STDLIB = "/lib/python314.zip/"
OWN = "/lib/weft.zip/"
"""Where a page has the archives: bytecode names its source for tracebacks."""

PACKAGE, IMPORTER = "weft_browser/__init__.py", "weft_browser/packed.py"

_OFTEN = """
_ast_unparse base64 bisect calendar copy csv datetime decimal difflib encodings.cp437 fractions graphlib
hashlib heapq hmac html html.entities json numbers pickle pprint random secrets shutil statistics string
tempfile textwrap urllib.parse uuid zoneinfo zoneinfo._common zoneinfo._tzpath zoneinfo._zoneinfo
"""
OFTEN = frozenset(_OFTEN.split())
"""Besides what every start imports, these are bytecode. Others are sources, half as large, compiled when imported."""

AT_START = frozenset(sys.modules)

_DURABLE = re.compile(rb"(?m)^\s*@(\w+\.)?durable\b")


def main(source: str, target: str, kind: str) -> None:
    """Pack the zip ``source``: ``stdlib``, or ``own``."""
    packed = io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as new:
        files = {name: old.read(name) for name in sorted(old.namelist()) if not name.endswith("/")}
        for path, data in stdlib_members(files) if kind == "stdlib" else own_members(files):
            new.writestr(zipfile.ZipInfo(path, DATE), data)
    with open(target, "wb") as file:
        file.write(gzip.compress(packed.getvalue(), 9, mtime=0))


def stdlib_members(files: dict[str, bytes]) -> list[tuple[str, bytes]]:
    return [member for name, data in files.items() for member in _of_stdlib(name, data)]


def own_members(files: dict[str, bytes]) -> list[tuple[str, bytes]]:
    """The importer, and what it imports. See packed.py, whose names are used here as it has them in a page."""
    modules = {_module(name): _packed(name, data) for name, data in files.items()}
    found = _methods(modules, files[IMPORTER].decode())
    pack = {
        name: (is_package, code, marshal.dumps(found[name]) if name in found else b"", source)
        for name, (is_package, code, _, source) in modules.items()
    }
    begin = [(f"{name}c", bytecode(files[name], OWN + name)) for name in (PACKAGE, IMPORTER)]
    return [*begin, ("modules", marshal.dumps(pack))]


def _module(name: str) -> str:
    return name[:-3].replace("/", ".").removesuffix(".__init__")


def _packed(name: str, data: bytes) -> tuple[bool, bytes, bytes, str | None]:
    """Durable functions are compiled from their source, and need it."""
    durable = _DURABLE.search(data)
    code = compile(data, OWN + name, "exec", dont_inherit=True) if durable else _ours(data, OWN + name)
    return name.endswith("/__init__.py"), marshal.dumps(code), b"", data.decode() if durable else None


def _methods(modules: dict[str, Any], importer: str) -> dict[str, dict[str, Any]]:
    """By module, what its dataclasses compile when it is imported: so each is imported here."""
    namespace: dict[str, Any] = {"__name__": "packed"}
    exec(compile(importer, IMPORTER, "exec", dont_inherit=True), namespace)
    found: dict[str, dict[str, Any]] = {}

    class Recorder(namespace["Importer"]):  # type: ignore[misc]
        def compiled(self, module: str, text: str) -> Any:
            code = compile(text, "<string>", "exec", dont_inherit=True)
            found.setdefault(module, {})[text] = code
            return code

    namespace["use"](Recorder(modules))
    for name in modules:
        with contextlib.suppress(ImportError):  # for a test framework, say, that pages do not have
            importlib.import_module(name)
    return {name: texts for name, texts in found.items() if name in modules}


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

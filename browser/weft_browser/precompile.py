"""Turns the sources in a zip into bytecode. Runs inside Pyodide while a site is built, so it imports nothing of ours.

The stock standard library of Pyodide is a zip of sources that are compiled at every start: half of the start time.
"""

from __future__ import annotations

import importlib._bootstrap_external as _bootstrap
import zipfile
from typing import Any

bootstrap: Any = _bootstrap

DATE = (2020, 1, 1, 0, 0, 0)
"""The same input gives the same bytes."""

STDLIB_ROOT = "/lib/python314.zip/"


def main(source: str, target: str, kind: str) -> None:
    """``stdlib``: bytecode instead of sources. ``wheel``: bytecode beside the sources, which durable functions need."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for name in sorted(old.namelist()):
            if name.endswith("/"):
                continue
            data = old.read(name)
            if not name.endswith(".py"):
                _write(new, name, data)
            elif kind == "stdlib":
                _write(new, f"{name}c", bytecode(data, STDLIB_ROOT + name, optimize=2))
            else:
                _write(new, name, data)
                _write(new, cached_name(name), bytecode(data, name, optimize=0))


def bytecode(source: bytes, filename: str, optimize: int) -> bytes:
    """A .pyc that is never compared with its source (PEP 552, unchecked)."""
    code = compile(source, filename, "exec", dont_inherit=True, optimize=optimize)
    return bytes(bootstrap._code_to_hash_pyc(code, b"\0" * 8, False))


def cached_name(name: str) -> str:
    folder, _, file = name.rpartition("/")
    tag = f"{file[:-3]}.cpython-314.pyc"
    return f"{folder}/__pycache__/{tag}" if folder else f"__pycache__/{tag}"


def _write(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, DATE), data, compress_type=zipfile.ZIP_DEFLATED, compresslevel=9)

"""The build-time cache of an author's module, made in the very interpreter that will load it."""

from __future__ import annotations

from importlib.util import decode_source
from pathlib import Path

APP = "/weft_app"
"""Where ``interpreter.mjs`` puts the author's files, and their caches beside them."""


def compile_file(source: str, target: str, name: str) -> None:
    """Write the cache of ``source``, which the page will load as ``name``; nothing if there is none to make of it."""
    from weft_core.frames.cache.freeze import compile_module

    try:
        module = compile_module(decode_source(Path(source).read_bytes()), f"{APP}/{name}")
    except SyntaxError:
        return  # loading it will say what is wrong
    if module.count:
        Path(target).write_bytes(module.to_bytes())

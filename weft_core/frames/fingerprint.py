"""A fingerprint of source that does not change when the source moves.

Hashes of functions and statements are written into checkpoints, and compared with those of today's code when a
checkpoint is resumed. They ignore positions, comments and the ordinals of hidden names, and are the same on every
Python version.
"""

from __future__ import annotations

import ast
import hashlib

from weft_core.frames.nodes import FUNCTIONS, notes_of

_IGNORED = frozenset(("ctx", "type_comment", "kind", "type_params", "type_ignores"))


def canonical(value: object) -> str:
    """Canonical text of a syntax tree (or of a list of trees, or of a field's value)."""
    if isinstance(value, ast.Name) and value.id.startswith("."):
        return "(Hidden " + value.id.rstrip("0123456789") + ")"  # ordinals shift when code is added
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == ".followed":
        return canonical(value.args[0])
    if isinstance(value, ast.AST):
        note = notes_of(value) if isinstance(value, FUNCTIONS) else None
        if note is not None and note.comprehension:
            return f"(Made {note.digest})"  # how it is made differs between versions
        parts = [type(value).__name__]
        for f in value._fields:
            child = getattr(value, f, None)
            if f == "values" and isinstance(value, ast.JoinedStr):
                child = _merged(value.values)
            # fields that are absent, None or empty differ between versions
            if f not in _IGNORED and child is not None and child != []:
                parts.append(f + "=" + canonical(child))
        return "(" + " ".join(parts) + ")"
    if isinstance(value, list):
        return "[" + " ".join(map(canonical, value)) + "]"
    return repr(value)


def _merged(values: list[ast.expr]) -> list[ast.expr]:
    """The parts of an f-string, neighbouring texts joined and empty ones left out: versions split them differently."""
    out: list[ast.expr] = []
    for v in values:
        if isinstance(v, ast.Constant) and isinstance(v.value, str):
            if out and isinstance(out[-1], ast.Constant) and isinstance(out[-1].value, str):
                v = ast.Constant(value=out.pop().value + v.value)  # type: ignore[attr-defined]
            if not v.value:
                continue
        out.append(v)
    return out


def digest(text: str) -> str:
    """Twelve hexadecimal digits for ``text``."""
    return hashlib.blake2s(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def fingerprint(value: object) -> str:
    """The digest of the canonical text."""
    return digest(canonical(value))

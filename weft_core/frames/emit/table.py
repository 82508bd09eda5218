"""The table of emission rules, one per kind of statement. See ``emit_context`` for the idea."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Literal

from weft_core.frames.analysis import Analysis
from weft_core.frames.emit.blocks import (
    emit_assert,
    emit_declaration,
    emit_for,
    emit_if,
    emit_match,
    emit_while,
    emit_with,
)
from weft_core.frames.emit.context import Emit, Rule
from weft_core.frames.emit.depth import ROOM, blocks_deep
from weft_core.frames.emit.try_statement import emit_try, emit_try_fin
from weft_core.frames.nodes import TryFin

# A statement that is not named here is copied, with temporaries around its early operands.
RULES: Mapping[type[ast.stmt], Rule] = {
    ast.Global: emit_declaration,
    ast.Nonlocal: emit_declaration,
    ast.Assert: emit_assert,
    ast.If: emit_if,
    ast.While: emit_while,
    ast.For: emit_for,
    ast.With: emit_with,
    ast.Try: emit_try,
    TryFin: emit_try_fin,
    ast.Match: emit_match,
}


def emit(analysis: Analysis, *, resume: bool, flavour: Literal["C", "G"]) -> tuple[list[ast.stmt], bool]:
    """The body of the live or the resume variant, and whether it uses the local ``.ev``."""
    em = Emit(analysis, RULES, resume=resume, flavour=flavour)
    body = em.block(analysis.body)
    if blocks_deep(body) > ROOM:
        em = Emit(analysis, RULES, resume=resume, flavour=flavour, lean=True)
        body = em.block(analysis.body)
    return body, em.needs_ev

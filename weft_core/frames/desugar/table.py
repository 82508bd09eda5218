"""The table of rewriting rules, one per kind of statement. See ``desugar_context`` for the idea."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence

from weft_core.frames.desugar.assign import desugar_ann_assign, desugar_assign, desugar_aug_assign, desugar_delete
from weft_core.frames.desugar.context import Desugar, Rule
from weft_core.frames.desugar.jumps import desugar_break, desugar_continue, desugar_return
from weft_core.frames.desugar.loops import desugar_async_for, desugar_for, desugar_if, desugar_while
from weft_core.frames.desugar.match import desugar_match
from weft_core.frames.desugar.try_star import desugar_try_star
from weft_core.frames.desugar.try_statement import desugar_try
from weft_core.frames.desugar.with_statement import desugar_async_with, desugar_with
from weft_core.frames.nodes import FunctionNode
from weft_core.frames.suspension import Suspends

# A statement that is not named here is kept, its expressions rewritten.
RULES: Mapping[type[ast.stmt], Rule] = {
    ast.Assign: desugar_assign,
    ast.AugAssign: desugar_aug_assign,
    ast.AnnAssign: desugar_ann_assign,
    ast.Delete: desugar_delete,
    ast.Return: desugar_return,
    ast.Break: desugar_break,
    ast.Continue: desugar_continue,
    ast.If: desugar_if,
    ast.While: desugar_while,
    ast.For: desugar_for,
    ast.AsyncFor: desugar_async_for,
    ast.With: desugar_with,
    ast.AsyncWith: desugar_async_with,
    ast.Try: desugar_try,
    ast.TryStar: desugar_try_star,
    ast.Match: desugar_match,
}


def desugar(
    fn: FunctionNode,
    suspends: Suspends,
    stable: Callable[[str], bool],
    *,
    filename: str,
    lines: Sequence[str],
    is_async_generator: bool,
) -> None:
    """Rewrite the body of ``fn`` in place. Raises TransformError for what cannot be checkpointed."""
    d = Desugar(fn, suspends, stable, RULES, filename=filename, lines=lines, is_async_generator=is_async_generator)
    fn.body = d.block(fn.body)

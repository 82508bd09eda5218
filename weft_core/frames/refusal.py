"""Refusing source that cannot be made durable, as Python refuses source that it cannot compile."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from weft_core.errors import TransformError
from weft_core.frames.nodes import FUNCTIONS


def refusal(
    message: str, node: ast.AST, *, reason: str, function: str, filename: str, lines: Sequence[str]
) -> TransformError:
    """The error that points at ``node``: of a function at its head, of anything else at all of it.

    ``message`` names the construct, why it cannot be made durable and what to write instead; ``reason`` is a short
    stable word for programs; ``lines`` are those of the whole file.
    """
    lineno, column, end_lineno, end_column = _extent(node, lines)
    return TransformError(
        message,
        reason=reason,
        function=function,
        filename=filename,
        lineno=lineno,
        column=column,
        end_lineno=end_lineno,
        end_column=end_column,
        text=_line(lines, lineno),
    )


def _extent(node: ast.AST, lines: Sequence[str]) -> tuple[int, int, int, int]:
    """Line and column (in UTF-8 bytes, as ``ast`` counts) of the first and behind the last character."""
    line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
    if isinstance(node, FUNCTIONS):
        head = (_line(lines, line) or "").encode()
        found = head.find(node.name.encode(), column + len("def "))
        return line, column, line, found + len(node.name.encode()) if found >= 0 else len(head.rstrip())
    end_line, end_column = getattr(node, "end_lineno", None), getattr(node, "end_col_offset", None)
    return line, column, end_line or line, column + 1 if end_column is None else end_column


def _line(lines: Sequence[str], lineno: int) -> str | None:
    return lines[lineno - 1] if 0 < lineno <= len(lines) else None

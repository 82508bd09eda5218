"""Annotations inside a durable function: they cannot suspend.

Those of parameters and results are evaluated by the ``def`` statement, those of locals never are, and from Python 3.14
on no annotation is evaluated where it stands, so that a suspension in one is refused there by Python itself.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from weft_core.frames.nodes import FUNCTIONS, SUSPENSIONS, all_args
from weft_core.frames.plan import Root
from weft_core.frames.refusal import refusal


def refuse_suspending_annotations(root: Root) -> None:
    """Raises TransformError for an ``await`` or ``yield`` in an annotation anywhere in the function."""
    for annotation in _annotations(root.plan.node):
        for n in ast.walk(annotation):
            if isinstance(n, SUSPENSIONS):
                raise refusal(
                    "an annotation cannot await or yield; evaluate it in the line before and name the result",
                    n,
                    reason="await-in-annotation",
                    function=root.qualname,
                    filename=root.filename,
                    lines=root.lines,
                )


def _annotations(fn: ast.AST) -> Iterator[ast.expr]:
    for n in ast.walk(fn):
        if isinstance(n, ast.AnnAssign):
            yield n.annotation
        elif isinstance(n, FUNCTIONS):
            yield from (a.annotation for a in all_args(n.args) if a.annotation is not None)
            if n.returns is not None:
                yield n.returns

"""What a durable function is compiled to, as text: for whoever works on the transformation."""

from __future__ import annotations

import ast
from typing import Any

from weft_core.frames import compile as compiler
from weft_core.frames.plan import Root
from weft_core.frames.variants import with_tree


def listing(fn: Any) -> str:
    """The live and the resume variant of a durable function, and its labels with what each saves.

    It reads like Python, but hidden names begin with a dot. Raises ``TypeError`` for what is not durable.
    """
    root = getattr(fn, "__durable__", None)
    if not isinstance(root, Root):
        raise TypeError(f"{fn!r} is not a durable function")
    plan = with_tree(root.plan)
    labels = [f"# {label.n}: {label.id}, saves {', '.join(label.save)}" for label in plan.labels]
    return "\n".join([_text(plan.node), "", _text(compiler.resume_tree(plan)), "", *labels, ""])


def _text(node: Any) -> str:
    fields = {name: getattr(node, name) for name in node._fields if hasattr(node, name)}
    return ast.unparse(ast.fix_missing_locations(type(node)(**fields | {"decorator_list": []})))

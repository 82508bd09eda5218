"""``ctx.sleep(60)`` without ``await`` makes an operation that nobody performs: such a line is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft_core.frames import Refuse

if TYPE_CHECKING:
    import ast

_NAMES = """all archive cancel child load map memo offload race result_of review run set_attribute set_attributes signal
sleep sleep_until start_child step wait_for_signal wait_for_update wait_until"""
OPERATIONS = frozenset(_NAMES.split())
"""The methods of a context that return an operation and nothing else."""


def refuse_unawaited(function: ast.AST, refuse: Refuse) -> None:
    """Raises TransformError for a statement that makes an operation of the context and does nothing with it."""
    import ast  # as the compiler: only when something is compiled

    contexts = _contexts(function)
    for node in ast.walk(function):
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
            continue
        match node.value.func:
            case ast.Attribute(value=ast.Name(id=context), attr=name) if context in contexts and name in OPERATIONS:
                call = f"{context}.{name}(...)"
                raise refuse(f"{call} does nothing until it is awaited; write `await {call}`", node, "not-awaited")


def _contexts(function: ast.AST) -> set[str]:
    """The parameters that are contexts: those annotated so, and any that is called ``ctx``."""
    import ast

    notes = {node.arg: node.annotation for node in ast.walk(function) if isinstance(node, ast.arg) and node.annotation}
    named = {name for name, note in notes.items() if ast.unparse(note).strip("\"'").rpartition(".")[2] == "Context"}
    return {"ctx"} | named

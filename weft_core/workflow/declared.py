"""Which signals a workflow waits for, read from its source, so that a mistyped name is refused at the door."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any


def declared_signals(fn: Callable[..., Any]) -> frozenset[str] | None:
    """Names awaited by ``fn`` and by the durable helpers it names. None: some name is only known at run time."""
    names: set[str] = set()
    return frozenset(names) if _collect(fn, names, set()) else None


def _collect(fn: Callable[..., Any], names: set[str], seen: set[Any]) -> bool:
    seen.add(fn)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(fn))))
    except (OSError, TypeError, SyntaxError):
        return False
    scope = inspect.getclosurevars(inspect.unwrap(fn))
    known = {**scope.builtins, **scope.globals, **scope.nonlocals}
    return all(_look(node, known, names, seen) for node in ast.walk(tree))


def _look(node: ast.AST, known: dict[str, Any], names: set[str], seen: set[Any]) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "wait_for_signal":
        return _signal_argument(node, known, names)
    if isinstance(node, (ast.Name, ast.Attribute)):
        helper = _value(node, known)
        if isinstance(helper, FunctionType) and hasattr(helper, "__durable__") and helper not in seen:
            return _collect(helper, names, seen)
    return True


def _value(node: ast.expr, known: dict[str, Any]) -> Any:
    """What a name, or a dotted name through modules, stands for; None if that is only known at run time."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _value(node.value, known)
        return getattr(owner, node.attr, None) if isinstance(owner, (ModuleType, type)) else None
    return None


def _signal_argument(call: ast.Call, known: dict[str, Any], names: set[str]) -> bool:
    if not call.args:
        return False
    argument = call.args[0]
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        names.add(argument.value)
        return True
    name = getattr(_value(argument, known), "name", None)
    if not isinstance(name, str):
        return False
    names.add(name)
    return True

"""Finding definitions in a module, for tools that are given a file."""

from __future__ import annotations

from types import ModuleType
from typing import TypeVar

from weft_core.workflow.activity import Activity
from weft_core.workflow.definition import WRITTEN, Workflow

T = TypeVar("T")


def declared_in(module: ModuleType, kind: type[T]) -> list[T]:
    """What a module declares of a kind, a ``Queue`` or a ``Schedule``: each once, in order of definition."""
    return list({id(value): value for value in vars(module).values() if isinstance(value, kind)}.values())


def definitions_in(module: ModuleType) -> tuple[list[Workflow], list[Activity[..., object]]]:
    """The workflows and activities of a module, each once, in order of definition, those it imports first.

    Of two versions with one name in the file the module's globals hold the later one only; both are found.
    """
    values = list({id(v): v for v in vars(module).values()}.values())
    workflows = [v for v in values if isinstance(v, Workflow)]
    named = {(w.name, w.version): w for w in workflows}
    written: list[Workflow] = list(vars(module).get(WRITTEN, {}).values())
    own = [named.get((w.name, w.version), w) for w in written]
    imported = [w for w in workflows if w not in own]
    return imported + own, [v for v in values if isinstance(v, Activity)]

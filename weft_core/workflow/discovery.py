"""Finding definitions in a module, for tools that are given a file."""

from __future__ import annotations

from types import ModuleType

from weft_core.workflow.activity import Activity
from weft_core.workflow.definition import Workflow


def definitions_in(module: ModuleType) -> tuple[list[Workflow], list[Activity[..., object]]]:
    """The workflows and activities among the module's globals, each once, in order of definition."""
    values = list({id(v): v for v in vars(module).values()}.values())
    return (
        [v for v in values if isinstance(v, Workflow)],
        [v for v in values if isinstance(v, Activity)],
    )

"""Which workflows and activities an engine knows."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from weft_core.errors import (
    ActivityNotRegisteredError,
    DefinitionError,
    DuplicateDefinitionError,
    VersionNotRegisteredError,
    WorkflowNotRegisteredError,
)
from weft_core.frames import Root
from weft_core.workflow import Activity, Workflow, definitions_in
from weft_core.workflow.activity import DECLARED


class Registry(Mapping[str, Activity[..., Any]]):
    """Workflows by name and version; as a mapping, activities by name."""

    def __init__(self) -> None:
        self._workflows: dict[tuple[str, str], Workflow] = {}
        self._versions: dict[str, list[Workflow]] = {}
        """By name, in the order of registration."""
        self.functions: dict[str, Root] = {}
        """The workflows' own functions, by the key that checkpoints have for them."""
        self._explicit: dict[str, Activity[..., Any]] = {}
        self._found: dict[str, Activity[..., Any]] = {}
        self._beside: dict[str, frozenset[str]] = {}
        """By name of a found activity: the workflows of the module that it was found in."""
        self._replaced: dict[str, Callable[..., Any]] = {}

    # -- workflows

    def add_workflow(self, workflow: Workflow) -> None:
        """Register a definition, and the activities that its module and its declaration name."""
        if not isinstance(workflow, Workflow):
            raise DefinitionError(f"{workflow!r} is not a workflow; decorate the function with @workflow")
        key = (workflow.name, workflow.version)
        known = self._workflows.get(key)
        if known is not None and known is not workflow:
            raise DuplicateDefinitionError(kind="workflow", name=workflow.name)
        found = self._activities_of(workflow)
        if known is None:
            self._workflows[key] = workflow
            self._versions.setdefault(workflow.name, []).append(workflow)
            self.functions[workflow.key] = workflow.root
        self._found.update(found)

    def _activities_of(self, workflow: Workflow) -> dict[str, Activity[..., Any]]:
        """Those that it declares, and those of its module.

        Two of one name in two modules: ``DuplicateDefinitionError``, unless the modules hold versions of one workflow,
        or ``activities=`` says which it is.
        """
        module = sys.modules.get(workflow.__module__)
        workflows, activities = definitions_in(module) if module is not None else ([workflow], [])
        declared = {act.name: act for act in workflow.activities}
        found = {**{act.name: self._found.get(act.name, act) for act in activities}, **declared}
        beside = frozenset(w.name for w in [workflow, *workflows])
        for act in [*activities, *workflow.activities]:
            name = act.name
            if self._found.get(name, act) is not act and name not in self._explicit and not beside & self._beside[name]:
                raise DuplicateDefinitionError(kind="activity", name=name)
        self._beside.update({name: self._beside.get(name, frozenset()) | beside for name in found})
        return found

    def newest(self, name: str) -> Workflow:
        """The version that was registered last, which new runs are started on. ``WorkflowNotRegisteredError``."""
        return self.versions(name)[-1]

    def versions(self, name: str) -> list[Workflow]:
        """All versions in the order of registration. ``WorkflowNotRegisteredError`` if there is none."""
        found = self._versions.get(name)
        if not found:
            raise WorkflowNotRegisteredError(workflow=name, registered=sorted(self._versions))
        return found

    def version(self, name: str, version: str) -> Workflow:
        """That very version. ``WorkflowNotRegisteredError``, ``VersionNotRegisteredError``."""
        found = self._workflows.get((name, version))
        if found is None:
            registered = [w.version for w in self.versions(name)]
            raise VersionNotRegisteredError(workflow=name, version=version, registered=registered)
        return found

    def closest(self, name: str, version: str) -> Workflow:
        """That version, else the newest one. ``WorkflowNotRegisteredError``."""
        return self._workflows.get((name, version)) or self.newest(name)

    def attribute_types(self, name: str, version: str) -> Mapping[str, Any]:
        """The types that this version declares for search attributes, by name; empty if it is not known here."""
        found = self._workflows.get((name, version))
        return {} if found is None else found.attribute_types

    def exactly(self, workflow: Workflow) -> Workflow:
        """``workflow`` itself, if it is registered."""
        found = self.version(workflow.name, workflow.version)
        if found is not workflow:
            raise DuplicateDefinitionError(kind="workflow", name=f"{workflow.name} version {workflow.version}")
        return found

    def workflows(self) -> list[Workflow]:
        return list(self._workflows.values())

    # -- activities

    def add_activities(self, activities: Iterable[Activity[..., Any]]) -> None:
        """Implementations by name; they win over what a workflow's module holds."""
        for act in activities:
            if not isinstance(act, Activity):
                raise DefinitionError(f"{act!r} is not an activity; decorate the function with @activity")
            if self._explicit.get(act.name, act) is not act:
                raise DuplicateDefinitionError(kind="activity", name=act.name)
            self._explicit[act.name] = act

    def replace(self, name: str, fn: Callable[..., Any]) -> None:
        """Call ``fn`` instead; the declaration keeps its retry policy and timeout (for tests)."""
        self._replaced[name] = fn

    def is_replaced(self, name: str) -> bool:
        """Whether something is called instead of the activity's own function."""
        return name in self._replaced

    def restore(self, name: str) -> None:
        """Call the activity's own function again."""
        self._replaced.pop(name, None)

    def activity_fn(self, name: str) -> tuple[Callable[..., Any], bool]:
        """The function to call, and whether it is a coroutine function. ``ActivityNotRegisteredError``."""
        if name in self._replaced:
            fn = self._replaced[name]
            return fn, inspect.iscoroutinefunction(fn)
        found = self.get(name)
        if found is None:
            raise ActivityNotRegisteredError(activity=name)
        return found.fn, found.is_async

    def __getitem__(self, name: str) -> Activity[..., Any]:
        found = self._explicit.get(name) or self._found.get(name)
        if found is None:
            declared = DECLARED.get(name, {})
            if len(declared) != 1:  # unknown, or several: then Engine(activities=[...]) must say which
                raise KeyError(name)
            found = self._found[name] = next(iter(declared.values()))
            self._beside[name] = frozenset()
        return found

    def __iter__(self) -> Iterator[str]:
        return iter({**self._found, **self._explicit})

    def __len__(self) -> int:
        return len({**self._found, **self._explicit})

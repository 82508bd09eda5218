"""Getting workflows and activities out of files: ``app.py:checkout``, ``package.module:checkout``, ``app.py``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from weft_core import Queue
from weft_core.workflow import Activity, Workflow, declared_in, definitions_in
from weft_server.cli.failure import CommandError


@dataclass(frozen=True)
class Program:
    """One workflow to run, all workflows and queues of its file (any of them may have unfinished runs), and activities
    that replace those of the file."""

    workflow: Workflow
    workflows: list[Workflow]
    activities: list[Activity[..., Any]]
    queues: list[Queue]


def load_program(target: str, activity_files: list[str]) -> Program:
    """Import ``target``; activities of ``activity_files`` replace its own by name. Raises CommandError."""
    place, name = _split(target)
    module = _import(place)
    workflows, _ = definitions_in(module)
    activities = load_activities(activity_files)
    return Program(_choose(workflows, place, name), workflows, activities, declared_in(module, Queue))


def load_activities(files: list[str]) -> list[Activity[..., Any]]:
    """Those of these files, which replace others of the same name. Raises CommandError."""
    activities: dict[str, Activity[..., Any]] = {}
    for file in files:
        _, given = definitions_in(_import(file))
        if not given:
            raise CommandError(f"{file} defines no activity; decorate a function with @activity")
        activities |= {activity.name: activity for activity in given}
    return list(activities.values())


def load_definitions(places: list[str]) -> tuple[list[Workflow], list[Activity[..., Any]]]:
    """Everything that these files or modules define; a workflow and version that several import counts once."""
    workflows: dict[int, Workflow] = {}
    activities: dict[int, Activity[..., Any]] = {}
    for place in places:
        found, called = definitions_in(_import(place))
        workflows |= {id(w): w for w in found}
        activities |= {id(a): a for a in called}
    if not workflows:
        raise CommandError(f"{', '.join(places)} defines no workflow; decorate an async function with @workflow")
    return list(workflows.values()), list(activities.values())


def _split(target: str) -> tuple[str, str | None]:
    place, colon, name = target.rpartition(":")
    # A drive letter (C:\app.py) is no workflow name.
    return (place, name) if colon and len(place) > 1 else (target, None)


def _choose(workflows: list[Workflow], place: str, name: str | None) -> Workflow:
    by_name = {w.__name__: w for w in workflows} | {w.name: w for w in workflows}
    there = ", ".join(sorted({w.name for w in workflows}))
    if name in by_name:
        return by_name[name]
    if name is not None:
        raise CommandError(f"{place} defines no workflow {name!r}" + (f"; it defines {there}" if there else ""))
    if len({w.name for w in workflows}) == 1:
        return workflows[-1]  # of several versions the newest
    hint = f"say which: {place}:NAME, one of {there}" if there else "decorate an async function with @workflow"
    raise CommandError(f"{place} defines {len(workflows) or 'no'} workflows; {hint}")


def _import(place: str) -> ModuleType:
    path = Path(place)
    if path.suffix == ".py" or path.is_file():
        return _import_file(path)
    sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name and (place == error.name or place.startswith(error.name + ".")):
            raise CommandError(f"there is no file or module {place!r}; give app.py:workflow") from None
        raise


def _import_file(path: Path) -> ModuleType:
    """Import a file under its plain name: checkpoints name functions by module, and that name must not depend on where
    the file lies, or a run begun in one folder could not go on in another.
    """
    if not path.is_file():
        raise CommandError(f"there is no file {str(path)!r}")
    name, origin = path.stem, str(path.resolve())
    if not name.isidentifier():
        raise CommandError(f"{path.name!r} cannot be imported: use letters, digits and underscores")
    sys.path.insert(0, str(path.resolve().parent))
    there = sys.modules.get(name)
    if there is not None and getattr(there, "__file__", None) == origin:
        return there
    spec = importlib.util.find_spec(name) if there is None else there.__spec__
    if spec is None or spec.origin != origin:
        raise CommandError(f"{path.name!r} has the name of another module ({name}); rename the file")
    return importlib.import_module(name)

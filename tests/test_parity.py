"""docs/parity.md: no row without a test that exists, and no name of ours that does not."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import weft_core
from tests.test_docs import all_tests
from weft_core import errors
from weft_core.client import LocalClient
from weft_core.model import events
from weft_core.workflow import WorkflowBuilder

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs" / "parity.md").read_text("utf-8")
PARITY = TEXT[: TEXT.index("\n## Left out\n")]
ROWS = [line for line in PARITY.splitlines() if line.startswith("| ") and not line.startswith("| Original |")]
THERE = all_tests()
OWNERS: dict[str, Any] = {
    "engine": weft_core.Engine, "ctx": weft_core.Context, "handle": weft_core.WorkflowHandle,
    "schedule": weft_core.ScheduleHandle, "client": LocalClient, "info": weft_core.ActivityInfo,
    "Limits": weft_core.Limits, "Workflow": weft_core.Workflow,
}  # fmt: skip
CALLS: dict[str, Any] = {
    "Engine": weft_core.Engine, "activity": weft_core.Activity, "workflow": weft_core.workflow,
    "RetryPolicy": weft_core.RetryPolicy, "Retention": weft_core.Retention, "schedule": weft_core.schedule,
}  # fmt: skip
PLAIN = {"async def", "async with", "finally", "signal_id", "conditional_batch", "crash_and_recover"}
"""Words of Python and of other rows, which are no names to look up."""


def exists(name: str) -> bool:
    """Whether a name of ours, in one of the forms that the page uses, is there."""
    if name in PLAIN or (name.startswith("examples/") and (ROOT / name).is_file()):
        return True
    if call := re.fullmatch(r"([\w.]+)\((\w+)=\)", name):
        owner, _, method = call[1].rpartition(".")
        return takes(getattr(OWNERS[owner], method, None) if owner else CALLS[call[1]], call[2])
    if name.startswith("weft "):
        return name.split()[1:] in commands()
    owner, _, rest = name.partition(".")
    if owner in OWNERS and rest:
        target = OWNERS[owner]
        return hasattr(target, rest) or rest in getattr(target, "__dataclass_fields__", {})
    if owner == "weft":
        return rest in page_methods()
    if owner.startswith("weft_"):
        return imported(name)
    public = (weft_core, errors, events, weft_core.testing, weft_core.storage)
    return any(hasattr(module, name) for module in public) or name == WorkflowBuilder.__name__


def takes(call: Any, parameter: str) -> bool:
    parameters = inspect.signature(call).parameters if call is not None else {}
    if call is weft_core.schedule:
        return (
            parameter in parameters
            or parameter in importlib.import_module("weft_core.workflow.schedule").ScheduleOptions.__annotations__
        )
    return parameter in parameters


def commands() -> list[list[str]]:
    from weft_server.cli.app import app

    found = [[str(command.name)] for command in app.registered_commands]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        found += [[str(group.name), str(command.name)] for command in group.typer_instance.registered_commands]
    return found


def page_methods() -> set[str]:
    scripts = "".join(
        (ROOT / "browser" / f"{name}.mjs").read_text("utf-8") for name in ("client", "asking", "verbs", "operating")
    )
    return set(re.findall(r"^  (?:async )?\*?(?:\[\")?(\w+)(?:\"\])?\(.*\{$", scripts, re.MULTILINE))


def imported(name: str) -> bool:
    module, _, attribute = name.rpartition(".")
    return hasattr(importlib.import_module(module), attribute)


def test_the_page_has_a_row_for_what_the_original_has() -> None:
    assert len(ROWS) > 150


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2:50])
def test_a_row_names_a_test_and_ours_is_there(row: str) -> None:
    original, ours, test, _difference = (cell.strip() for cell in row.strip("|").split(" | "))
    assert original and ours
    named = re.findall(r"`(test_\w+)`", test)
    assert named, f"no row without a test: {row}"
    missing = set(re.findall(r"`(test_\w+)`", row)) - THERE
    assert not missing, missing
    unknown = [name for name in re.findall(r"`([^`]+)`", ours) if not exists(name)]
    assert not unknown, unknown


def test_the_page_on_the_command_line_has_every_command() -> None:
    text = (ROOT / "docs" / "command-line.md").read_text("utf-8")
    rows = [words.split() for words in re.findall(r"^\| `weft ([^`]+)` \|", text, re.MULTILINE)]
    assert sorted(command for command in commands() if not any(row[: len(command)] == command for row in rows)) == []
    assert all(any(row[: len(command)] == command for command in commands()) for row in rows)


def test_the_page_on_browsers_has_every_method_of_the_client() -> None:
    text = (ROOT / "docs" / "browser.md").read_text("utf-8")
    named = set(re.findall(r"`(\w+)(?:\([^`]*\))?`", text[text.index("## What a page can say") :]))
    others = {"open", "constructor", "call", "onstatus", "close"}
    assert page_methods() - others <= named, page_methods() - others - named


def test_what_is_not_there_yet_is_not_called_parity() -> None:
    assert "**This is no parity.**" in TEXT[TEXT.index("\n## Not here yet\n") :]

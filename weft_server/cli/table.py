"""``weft ls``: runs, newest first."""

from __future__ import annotations

from typing import Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from weft_server.cli import screen

COLUMNS: Final[list[tuple[str, JustifyMethod]]] = [
    ("run", "left"),
    ("workflow", "left"),
    ("status", "left"),
    ("steps", "right"),
    ("updated", "left"),
]


def runs(items: list[dict[str, Any]]) -> Table:
    """One row a run. Ids are never cut: they are there to be copied."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="dim")
    rows = [_row(run) for run in items]
    for index, (name, justify) in enumerate(COLUMNS):
        width = max([len(name), *(len(row[index]) for row in rows)])
        table.add_column(name, justify=justify, no_wrap=True, min_width=width, max_width=width)
    table.add_column("waits for", overflow="ellipsis", no_wrap=True)
    for run, row in zip(items, rows, strict=True):
        table.add_row(*row, Text(_state(run)))
    return table


def _row(run: dict[str, Any]) -> list[Text]:
    steps, updated = str(run["steps"]), screen.ago(run["updated_at"])
    return [Text(run["id"]), Text(run["workflow"]), screen.status(run["status"]), Text(steps), Text(updated)]


def _state(run: dict[str, Any]) -> str:
    if run.get("error"):
        return f"{run['error'].get('code')}: {run['error'].get('message')}"
    return "; ".join(screen.waiting(e) for e in run.get("waiting_for") or [] if e.get("kind") != "group")

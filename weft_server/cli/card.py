"""``weft show``: one run on one screen: state, source with the waiting line marked, live locals, events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from weft_server.cli import screen
from weft_server.cli.events import line as event_line

AROUND: Final = 6
"""Lines of source shown before and after the waiting line of the innermost frame; callers get a third of it."""
WHOLE: Final = 24
"""A function of at most this many lines is shown whole."""


def card(run: dict[str, Any], frames: dict[str, Any] | None, events: list[dict[str, Any]]) -> RenderableType:
    """Everything known of a run. ``frames`` is None for a run that has none left (finished) or that cannot be shown."""
    parts: list[RenderableType] = [_head(run), Padding(_facts(run), (0, 0, 0, 2))]
    for task in (frames or {}).get("tasks", []):
        parts += _task(task, len((frames or {})["tasks"]))
    if events:
        parts.append(_title("events"))
        parts += [Text("  ").append_text(event_line(event)) for event in events]
    return Group(*parts)


def _head(run: dict[str, Any]) -> Text:
    return Text.assemble(
        (run["workflow"], "bold"), " ", (run["id"], "dim"), "  ", screen.status(run["status"]),
        (f"  step {run['steps']}", "dim"),
    )  # fmt: skip


def _facts(run: dict[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _fact_rows(run):
        table.add_row(name, value)
    return table


def _fact_rows(run: dict[str, Any]) -> Iterator[tuple[str, RenderableType]]:
    yield "started", f"{screen.moment(run['created_at'])}  ({screen.ago(run['created_at'])})"
    if run.get("finished_at"):
        took = screen.span(run["finished_at"] - run["created_at"])
        yield "finished", f"{screen.moment(run['finished_at'])}  (took {took})"
    if run.get("version"):
        yield "version", str(run["version"])
    yield "input", screen.compact(run.get("input"), 400)
    if run["status"] == "completed":
        yield "result", screen.compact(run.get("result"), 2_000)
    if run.get("error"):
        yield "error", Text(f"{run['error'].get('code')}: {run['error'].get('message')}", style="red")
    if run.get("tags"):
        yield "tags", ", ".join(run["tags"])
    for name, value in (run.get("attributes") or {}).items():
        yield name, screen.compact(value)
    for entry in run.get("waiting_for") or []:
        if entry.get("kind") != "group":
            yield "waits for", _waiting(run, entry)


def _waiting(run: dict[str, Any], entry: dict[str, Any]) -> Text:
    text = Text(screen.waiting(entry), style="bold")
    if entry.get("kind") == "signal":
        text.append(f"\nweft signal {run['id']} {entry['name']} JSON", style="dim not bold")
    return text


def _title(words: str) -> RenderableType:
    return Padding(Rule(Text(words, style="bold"), align="left", style="dim"), (1, 0, 0, 0))


def _task(task: dict[str, Any], tasks: int) -> Iterator[RenderableType]:
    frames = task.get("frames") or []
    for depth, frame in enumerate(frames):
        innermost = depth == len(frames) - 1
        place = f"{frame['function']}  {frame.get('file') or ''}" + (f":{frame['line']}" if frame.get("line") else "")
        branch = f"branch {task['task']} · " if tasks > 1 and task["task"] != 0 else ""
        yield _title(branch + place)
        if frame.get("source"):
            yield _source(frame, AROUND if innermost else AROUND // 3, innermost)
        else:
            yield Text("  source not stored with this run", style="dim")
        if frame.get("locals"):
            yield Padding(_locals(frame["locals"]), (1, 0, 0, 2))


def _source(frame: dict[str, Any], around: int, may_be_whole: bool) -> Text:
    """The lines around the waiting one, which carries an arrow."""
    first, lines, waiting = frame["source"]["first_line"], frame["source"]["lines"], frame.get("line")
    colours = Syntax("", "python", theme="ansi_dark").highlight("\n".join(lines)).split("\n", allow_blank=True)
    if waiting is None or (may_be_whole and len(lines) <= WHOLE):
        shown = range(len(lines))
    else:
        at = waiting - first
        shown = range(max(0, at - around), min(len(lines), at + around + 1))
    text = Text()
    for index in shown:
        here = first + index == waiting
        text.append("  ▶ " if here else "    ", style="bold yellow")
        text.append(f"{first + index:>4}  ", style="bold yellow" if here else "dim")
        code = colours[index].copy() if index < len(colours) else Text(lines[index])
        if here:
            code.stylize("bold on grey15")
        text.append_text(code).append("\n")
    text.right_crop(1)
    return text


def _locals(variables: list[dict[str, Any]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for variable in variables:
        text = str(variable["text"])
        table.add_row(variable["name"], variable["type"], Text(text if len(text) <= 300 else text[:299] + "…"))
    return table

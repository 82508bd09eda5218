"""``weft check``: what today's code would make of the unfinished runs of a store, before it is deployed."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from weft_core.observe import Verdict, check_runs
from weft_server.cli import screen
from weft_server.cli.failure import DONE, RUN_FAILED
from weft_server.cli.loading import load_definitions
from weft_server.cli.store import shared

STYLE: Final = {"continues": "green", "migrates": "cyan", "held": "magenta", "damaged": "bold red"}


async def check(db: Path, places: list[str], as_json: bool) -> int:
    """The exit code: 0 if every unfinished run can go on, else 1."""
    async with shared(db, read_only=True) as storage:
        workflows, _ = load_definitions(places)
        verdicts = await check_runs(storage, workflows)
    stuck = [v for v in verdicts if not v.fine]
    if as_json:
        answer = {"runs": [v.to_json() for v in verdicts], "continue": not stuck}
        print(json.dumps(answer, ensure_ascii=False))
    elif verdicts:
        screen.out().print(_table(verdicts), soft_wrap=False, no_wrap=True, crop=screen.out().is_terminal)
        for verdict in stuck:
            screen.out().print(Text.assemble((verdict.run_id, "bold"), f" would be {verdict.verdict}:"))
            screen.out().print(Text(textwrap.indent(f"{verdict.reason} ({verdict.error})\n", "  ")))
    if not as_json:
        screen.err().print(_summary(verdicts, stuck), style="dim")
    return RUN_FAILED if stuck else DONE


def _table(verdicts: list[Verdict]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for name in ("run", "workflow", "version", "status", "stands at", "waits for", "verdict"):
        table.add_column(name, no_wrap=True)
    for v in verdicts:
        table.add_row(
            Text(v.run_id), Text(v.workflow), Text(v.version), screen.status(v.status), Text(_place(v)),
            Text("; ".join(screen.waiting(e) for e in v.waiting_for if e.get("kind") != "group")), _verdict(v),
        )  # fmt: skip
    return table


def _place(v: Verdict) -> str:
    return f"{v.function}:{v.line}" if v.line is not None else v.function


def _verdict(v: Verdict) -> Text:
    words: str = v.verdict
    if v.to_version is not None:
        words = f"continues as version {v.to_version}, " + ("by migration" if v.how == "migration" else "as it is")
    return Text(words, style=STYLE[v.verdict])


def _summary(verdicts: list[Verdict], stuck: list[Verdict]) -> str:
    if not verdicts:
        return "no unfinished runs"
    many = "1 unfinished run" if len(verdicts) == 1 else f"{len(verdicts)} unfinished runs"
    return f"{many}; " + (
        f"{len(stuck)} cannot go on with this code" if stuck else "this code can continue all of them"
    )

"""``weft schedule``: looks at the store's schedules, and leaves requests for whoever runs the store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from weft_core.client import leave_schedule, leave_to_schedule
from weft_core.engine import list_schedules
from weft_server.cli import screen
from weft_server.cli.failure import DONE
from weft_server.cli.send import parse_json, report
from weft_server.cli.store import shared
from weft_server.host import default_host


async def list_(db: Path, limit: int, cursor: str | None, as_json: bool) -> int:
    """In order of their ids."""
    async with shared(db) as storage:
        items, more = await list_schedules(storage, limit, cursor)
    if as_json:
        print(json.dumps({"items": items, "cursor": more}, ensure_ascii=False))
        return DONE
    if not items:
        screen.err().print("no schedules yet", style="dim")
        return DONE
    screen.out().print(_table(items), soft_wrap=False, no_wrap=True, crop=screen.out().is_terminal)
    if more is not None:
        screen.err().print("there are more; --limit shows some of them", style="dim")
    return DONE


async def create(db: Path, schedule_id: str, workflow: str, input_: str | None, options: dict[str, Any]) -> int:
    """The exit code is 0 once the request is durable, whether or not an engine is there to take it up."""
    given = {name: value for name, value in options.items() if value is not None}
    inputs = [] if input_ is None else [parse_json(input_)]
    async with shared(db) as storage:
        ids = default_host().ids
        message = await leave_schedule(storage, ids, schedule_id, workflow=workflow, input=inputs, **given)
        await report(storage, message, f"schedule {schedule_id}")
    return DONE


async def tell(
    db: Path, schedule_id: str, verb: Literal["pause", "resume", "trigger", "delete"], reason: str | None
) -> int:
    """Likewise for what concerns a schedule that is there."""
    async with shared(db) as storage:
        message = await leave_to_schedule(storage, default_host().ids, schedule_id, verb, reason)
        await report(storage, message, f"request to {verb} schedule {schedule_id}")
    return DONE


def _table(items: list[dict[str, Any]]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for name in ("schedule", "workflow", "status", "when", "next", "last", "runs", "missed", "skipped", "failed"):
        table.add_column(name, no_wrap=True)
    for item in items:
        table.add_row(*_row(item))
    return table


def _row(item: dict[str, Any]) -> list[Text]:
    if item["status"] == "broken":
        return [Text(item["id"]), Text("?"), Text("broken", style="red"), Text(item["last_error"]["message"])]
    every = f"every {screen.span(item['every_ms'])}" if item["every_ms"] else f"{item['cron']} {item['timezone']}"
    ages = [screen.ago(item[name]) if item[name] else "–" for name in ("next_at", "last_at")]
    counts = [item["fires"] + item["triggered"], item["missed"], item["skipped"], item["failed"]]
    words = [item["id"], item["workflow"], item["status"], every, *ages, *map(str, counts)]
    return [Text(word) for word in words]

"""``weft reviews``: what people are asked, and what they have decided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from weft_core.engine import StoreReader
from weft_server.cli import screen
from weft_server.cli.failure import DONE
from weft_server.cli.store import shared


async def reviews(db: Path, status: str, reviewer: str | None, limit: int, as_json: bool) -> int:
    """One page; pending ones oldest first."""
    async with shared(db) as storage:
        page = await StoreReader(storage).reviews(status=status, reviewer=reviewer, limit=limit)
    if as_json:
        print(json.dumps({"items": page.items, "cursor": page.cursor}, ensure_ascii=False))
        return DONE
    if not page.items:
        screen.err().print(f"no {status.replace('_', ' ')} reviews", style="dim")
        return DONE
    screen.out().print(_table(page.items), soft_wrap=False, no_wrap=True, crop=screen.out().is_terminal)
    if status == "pending":
        screen.err().print("weft decide REVIEW approved --reviewer YOU", style="dim")
    if page.cursor is not None:
        screen.err().print("there are more; --limit shows some of them", style="dim")
    return DONE


def _table(items: list[dict[str, Any]]) -> Table:
    """One row a review. Ids are never cut: they are there to be copied."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="dim")
    for name, key in (("review", "id"), ("type", "type")):
        table.add_column(name, no_wrap=True, min_width=max([len(name), *(len(str(item[key])) for item in items)]))
    for name in ("asked", "since", "decision"):
        table.add_column(name, no_wrap=True)
    table.add_column("what", overflow="ellipsis", no_wrap=True)
    for item in items:
        asked, decision = ", ".join(item["reviewers"]) or "anyone", item.get("decision") or ""
        since = screen.ago(item["requested_at"])
        cells = (item["id"], item["type"], asked, since, decision, screen.compact(item["artifact"]))
        table.add_row(*(Text(str(cell)) for cell in cells))
    return table

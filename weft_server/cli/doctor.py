"""``weft doctor``: is this store well? Reads only, also beside a running engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.text import Text

from weft_core.observe import examine
from weft_server.cli import screen
from weft_server.cli.failure import DONE, RUN_FAILED
from weft_server.cli.store import shared


async def doctor(db: Path, deep: bool, as_json: bool) -> int:
    """The exit code: 1 if records are damaged."""
    async with shared(db, read_only=True) as storage:
        found = await examine(storage, deep=deep)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        _print(db, found)
    return RUN_FAILED if found["damaged"] else DONE


def _print(db: Path, found: dict[str, Any]) -> None:
    store, out = found["store"], screen.out()
    size = "".join(f", {n:,} {kind}" for kind, n in sorted(found["runs"].items())) or ", no runs"
    out.print(Text(f"{db}: format {store['format']}, epoch {store['epoch']}{size}"))
    if oldest := found["oldest_unfinished"]:
        out.print(Text(f"oldest unfinished run: {oldest['id']}, started {screen.ago(oldest['created_at'])}"))
    if found["next_timer"] is not None:
        out.print(Text(f"next timer: {screen.ago(found['next_timer'])}"))
    for name, many in found["under_way"].items():
        out.print(Text(f"waiting for the next engine: {many:,} {name} records"))
    if found["verified"]:
        width = max(map(len, found["records"]), default=0)
        for kind, n in found["records"].items():
            out.print(Text(f"  {kind:<{width}} {n['count']:>10,} records {n['bytes']:>15,} bytes", style="dim"))
    for damage in found["damages"]:
        out.print(Text(f"damaged: {damage['problem']}", style="bold red"))
    checked = "every record was read" if found["verified"] else "the runs' own records were read; --deep reads all"
    screen.err().print(f"{found['damaged'] or 'no'} damaged records ({checked})", style="dim")

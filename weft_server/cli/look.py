"""``weft ls`` and ``weft show``: read what is stored. They own nothing, so they work beside a running engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from weft_core.engine import StoreReader
from weft_core.errors import CodecError, RunNotFoundError
from weft_core.model import keys
from weft_core.ports import Storage
from weft_server.cli import screen
from weft_server.cli.card import card
from weft_server.cli.failure import DONE, CommandError
from weft_server.cli.filters import attributes
from weft_server.cli.store import shared
from weft_server.cli.table import runs

PAGE: Final = 1_000
SEARCHED: Final = 10_000
"""How many of the newest runs a shortened id is looked for in."""
LAST_WORDS: Final = 2_000
"""How far back from a run's end its last events are looked for."""


async def ls(db: Path, words: dict[str, Any], limit: int, cursor: str | None, as_json: bool) -> int:
    """Runs newest first; ``words`` are filters."""
    async with shared(db) as storage:
        reader = StoreReader(storage)
        if "attributes" in words:
            words = {**words, "attributes": attributes(words["attributes"])}
        items: list[dict[str, Any]] = []
        while len(items) < limit:
            page = await reader.list(**words, limit=min(PAGE, limit - len(items)), cursor=cursor)
            items += page.items
            cursor = page.cursor
            if cursor is None:
                break
    if as_json:
        print(json.dumps({"items": items, "cursor": cursor}, ensure_ascii=False))
        return DONE
    if not items:
        screen.err().print("no runs" + (" like that" if words else " yet"), style="dim")
        return DONE
    screen.out().print(runs(items), soft_wrap=False, no_wrap=True, crop=screen.out().is_terminal)
    if cursor is not None:
        screen.err().print(f"there are more; --limit {limit * 5} shows some of them", style="dim")
    return DONE


async def show(db: Path, run_id: str, last: int, as_json: bool) -> int:
    """One run, as far as it can be read: a record that cannot be decoded is said, and the rest is shown."""
    async with shared(db) as storage:
        reader = StoreReader(storage)
        run = await reader.describe(await find_run(storage, run_id))
        frames = None
        try:
            frames = await reader.frames(run["id"])
        except CodecError as unreadable:
            screen.err().print(f"its frames cannot be shown: {unreadable}", style="yellow", markup=False)
        events = await _last_events(storage, reader, run["id"], last) if last else []
    if as_json:
        print(json.dumps({"run": run, "frames": frames, "events": events}, ensure_ascii=False))
    else:
        screen.out().print(card(run, frames, events))
    return DONE


async def _last_events(storage: Storage, reader: StoreReader, run_id: str, last: int) -> list[dict[str, Any]]:
    newest = await storage.scan(keys.log_prefix(run_id), limit=1, reverse=True)
    if not newest:
        return []
    begins = int(newest[0][0].rsplit("/", 1)[1], 16)
    history = list(await reader.history(run_id, after=max(0, begins - last - 1), limit=last + LAST_WORDS))
    return history[-last:]


async def find_run(storage: Storage, text: str) -> str:
    """The id that ``text`` is, begins or ends. Several or none: an error that says so."""
    if await storage.has(keys.run(text)):
        return text
    found: list[str] = []
    before: str | None = None
    for _ in range(SEARCHED // PAGE):
        rows = await storage.scan(keys.BY_TIME, before=before, limit=PAGE, reverse=True)
        ids = [key.split("/", 2)[2] for key, _ in rows]
        found += [run_id for run_id in ids if run_id.startswith(text) or run_id.endswith(text)]
        if len(rows) < PAGE:
            break
        before = rows[-1][0]
    if len(found) > 1:
        shown = ", ".join(found[:4]) + (" …" if len(found) > 4 else "")
        raise CommandError(f"{text!r} fits {len(found)} runs: {shown}; give more of the id")
    if not found:
        raise RunNotFoundError(run_id=text)
    return found[0]

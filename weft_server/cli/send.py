"""``weft signal``, ``cancel``, ``suspend``, ``decide``, …: leave a durable message for the owner of the store."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any, Final, Literal

from weft_core.client import leave_cancel, leave_order, leave_purge, leave_review, leave_signal
from weft_core.model import keys
from weft_server.cli import screen
from weft_server.cli.failure import DONE, CommandError
from weft_server.cli.look import find_run
from weft_server.cli.store import shared
from weft_server.host import default_host
from weft_server.storage.sqlite import SQLiteStorage

Order = Literal["terminate", "suspend", "resume", "take_back", "force_back"]
_SAID = {"take_back": "take back", "force_back": "take back, by force,"}
TAKEN_WITHIN_S: Final = 3.0
"""How long to wait for a living owner to take the message up; it looks several times a second."""


async def send_signal(db: Path, run_id: str, name: str, payload: str | None, signal_id: str | None) -> int:
    """The exit code is 0 once the signal is durable, whether or not an engine is there to deliver it."""
    value = parse_json(payload)
    async with shared(db) as storage:
        run_id = await find_run(storage, run_id)
        message = await leave_signal(storage, default_host().ids, run_id, name, value, signal_id=signal_id)
        await report(storage, message, f"signal {name} to run {run_id}")
    return DONE


async def send_cancel(db: Path, run_id: str, reason: str | None) -> int:
    """Likewise for a request to cancel."""
    async with shared(db) as storage:
        run_id = await find_run(storage, run_id)
        message = await leave_cancel(storage, default_host().ids, run_id, reason=reason)
        await report(storage, message, f"request to cancel run {run_id}")
    return DONE


async def send_order(db: Path, run_id: str, verb: Order, reason: str | None) -> int:
    """Likewise for a request to terminate, suspend, resume or take back."""
    async with shared(db) as storage:
        run_id = await find_run(storage, run_id)
        message = await leave_order(storage, default_host().ids, run_id, verb, reason)
        await report(storage, message, f"request to {_SAID.get(verb, verb)} run {run_id}")
    return DONE


async def send_decision(db: Path, review_id: str, decided: dict[str, Any], sections: str | None) -> int:
    """Likewise for what people decide."""
    parts = None if sections is None else parse_json(sections)
    async with shared(db) as storage:
        message = await leave_review(storage, default_host().ids, review_id, sections=parts, **decided)
        await report(storage, message, f"decision of review {review_id}")
    return DONE


async def send_purge(db: Path, run_id: str, force: bool) -> int:
    """Likewise for a request to purge."""
    async with shared(db) as storage:
        run_id = await find_run(storage, run_id)
        message = await leave_purge(storage, default_host().ids, run_id, force=force)
        await report(storage, message, f"request to purge run {run_id}")
    return DONE


def parse_json(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise CommandError(f"the payload is not JSON ({error}); text needs its quotes: '\"yes\"'") from None


async def report(storage: SQLiteStorage, message: str, what: str) -> None:
    """Say whether a living owner has taken the message up, or that it waits for one."""
    if await asyncio.to_thread(storage.owner_lock().owner_pid) is None:
        screen.out().print(f"stored: {what}", markup=False)
        screen.err().print("no engine runs on this store now; it is delivered when one does (weft run)", style="dim")
    elif await _taken(storage, message):
        screen.out().print(f"delivered: {what}", markup=False)
    else:
        screen.out().print(f"stored: {what}; its engine is alive and has not taken it yet", markup=False)


async def _taken(storage: SQLiteStorage, message: str) -> bool:
    deadline = time.monotonic() + TAKEN_WITHIN_S
    while await storage.has(keys.inbox(message)):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True

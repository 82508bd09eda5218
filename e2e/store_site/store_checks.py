"""Storage checks that run in the browser's worker, on Weft's own bridge."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import uuid
from typing import Any

from pyodide.ffi import create_proxy

from weft_browser import loop
from weft_browser.storage import BridgeStorage
from weft_core.ports import Storage, Stretch
from weft_core.testing.contract import StorageContract, run_contract

queue = loop.install(Stretch())


class Stores:
    """Opens stores of one kind, and remembers which database each one is."""

    def __init__(self, open_store: Any, storage: str, durability: str) -> None:
        self._open_store = open_store
        self._kind = storage
        self._durability: Any = durability

    def open(self, name: str) -> BridgeStorage:
        bridge = self._open_store(self._kind, name, self._durability)
        storage = BridgeStorage(bridge, durability=self._durability)

        def stored(request_id: int, reply: Any) -> None:
            storage.stored(request_id, reply)
            queue.run()

        bridge.attach(create_proxy(stored))
        storage.name = name  # type: ignore[attr-defined]
        storage.bridge = bridge  # type: ignore[attr-defined]
        return storage


class OverBridge(StorageContract):
    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def open_storage(self) -> Storage:
        return self._stores.open(f"contract-{uuid.uuid4().hex}")

    async def reopen_storage(self, storage: Storage) -> Storage:
        return self._stores.open(storage.name)  # type: ignore[attr-defined]

    async def second_handle(self, storage: Storage) -> Storage:
        return self._stores.open(storage.name)  # type: ignore[attr-defined]


async def contract(stores: Stores, only: str = "") -> dict[str, Any]:
    return (await run_contract(OverBridge(stores), only=only)).to_json()


async def lost_connection(stores: Stores) -> dict[str, Any]:
    """Writes go on over a connection that the browser has closed behind our back."""
    storage = stores.open("lost")
    for number in range(20):
        await storage.bridge.lose()  # type: ignore[attr-defined]
        await storage.put(f"k/{number:03d}", b"v")
    return {"rows": len(await storage.scan("k/"))}


counted: dict[str, int] = {}
enough: dict[str, int] = {}
"""How far the counter of a database is, and how far it shall go, when that is known."""


async def count_up(stores: Stores, database: str, until: int | None = None, pause: float = 0.0) -> dict[str, Any]:
    """A counter that is moved by conditional batches only: a lost or doubled batch breaks the chain."""
    storage = stores.open(database)
    raw = await storage.get("n")
    value = int(raw) if raw else 0
    while until is None or value < until:
        old = str(value).encode() if value else None
        ops = [("n", str(value + 1).encode()), (f"log/{value:06d}", b"x")]
        if not await storage.conditional_batch([("n", old)], ops):
            return {"broken_at": value}
        counted[database] = value = value + 1
        until = enough.get(database, until)
        await asyncio.sleep(pause)
    return {"value": value, "rows": len(await storage.scan("log/", limit=100_000))}


async def count_past(stores: Stores, database: str, past: int) -> dict[str, Any]:
    """Wait until a counter is past that."""
    while counted.get(database, 0) <= past:
        await asyncio.sleep(0.005)
    return {"value": counted[database]}


async def count_no_more(stores: Stores, database: str, at_least: int) -> dict[str, Any]:
    """The counter ends when it has come so far."""
    enough[database] = at_least
    return {}


async def race(stores: Stores, database: str, rounds: int) -> dict[str, Any]:
    """Increment a counter that another tab increments too; wait for it to begin, and to end, then report the total."""
    storage = stores.open(database)
    await both(storage, "here/")
    won = 0
    for _ in range(rounds):
        raw = await storage.get("n")
        won += await storage.conditional_batch([("n", raw)], [("n", str(int(raw or b"0") + 1).encode())])
    await both(storage, "done/")
    return {"won": won, "value": int(await storage.get("n") or b"0")}


async def both(storage: Storage, prefix: str) -> None:
    """Wait until two tabs have come here."""
    await storage.put(f"{prefix}{uuid.uuid4().hex}", b"1")
    while len(await storage.scan(prefix)) < 2:
        await asyncio.sleep(0.02)


async def nothing(stores: Stores) -> dict[str, Any]:
    """Python is loaded when this answers."""
    return {}


async def quota(stores: Stores, size: int) -> dict[str, Any]:
    """Fill the store until it refuses; then it must still take small writes."""
    storage = stores.open("quota")
    for number in range(64):
        try:
            await storage.put(f"big/{number}", os.urandom(size))  # text would be compressed away
        except Exception as error:
            await storage.delete("big/0")
            await storage.put("small", b"1")
            return {"code": type(error).__name__, "taken": number, "small": (await storage.get("small")) == b"1"}
    return {"code": None}


async def leftovers(stores: Stores, calls: int) -> dict[str, Any]:
    """How many blocks of Python memory many calls leave behind: a proxy that nobody drops holds several."""
    storage = stores.open("leftovers")

    async def work(count: int) -> int:
        for number in range(count):
            await storage.put(f"k/{number % 50}", b"v" * 100)
            await storage.get(f"k/{number % 50}")
            await storage.scan("k/", limit=3)
        gc.collect()
        return sys.getallocatedblocks()

    before = await work(200)
    return {"blocks": await work(calls) - before}


CHECKS: dict[str, Any] = {
    check.__name__: check
    for check in (contract, race, lost_connection, count_up, count_past, count_no_more, quota, leftovers, nothing)
}


async def run(what: str, options_json: str, open_store: Any) -> str:
    options = json.loads(options_json)
    stores = Stores(open_store, options.pop("storage", "direct"), options.pop("durability", "relaxed"))
    return json.dumps(await CHECKS[what](stores, **options))

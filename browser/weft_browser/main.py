"""What the engine worker calls: load the author's modules, open an engine on the bridge, answer calls.

Only text, numbers and bytes cross the border to JavaScript, and the functions that it may call are made once.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from types import ModuleType
from typing import Any, Literal

from pyodide.ffi import create_proxy

from weft_core.client.wire import Dispatcher
from weft_core.engine import Engine
from weft_core.errors import WeftError
from weft_core.model.placement import Device
from weft_core.model.queues import Queue
from weft_core.ports import Storage
from weft_core.workflow import Schedule, declared_in, definitions_in

from . import guard, loop, opening
from .compiling import APP
from .frames import INDEXED_DB
from .host import default_host
from .storage import BridgeStorage
from .transport import FetchTransport


class Runtime:
    """One worker's Python: prepared as a standby, then perhaps the owner of the engine."""

    def __init__(
        self, bridge: Any, workflows: list[ModuleType], activities: list[ModuleType], loop_limit_s: float
    ) -> None:  # fmt: skip
        self._bridge = bridge
        self._host = default_host()
        self._queue = loop.install(self._host.stretch)
        if loop_limit_s:
            guard.watch(self._host.stretch, loop_limit_s, self)
        self._workflows = [found for module in workflows for found in definitions_in(module)[0]]
        self._activities = [found for module in activities for found in definitions_in(module)[1]]
        self._queues = [found for module in workflows for found in declared_in(module, Queue)]
        self._schedules = [found for module in workflows for found in declared_in(module, Schedule)]
        self._transport = FetchTransport()
        self._storage: BridgeStorage | None = None
        self._memory: Storage | None = None
        self._found: list[int] | None = None
        """What the store's last owner had got to when this engine opened it."""
        self._engine: Engine | None = None
        self._dispatcher: Dispatcher | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._entered = ("", "")
        bridge.attach(create_proxy(self._stored), create_proxy(self._called))

    async def open(
        self,
        durability: Literal["strict", "relaxed"],
        require_durable: bool,
        server: str,
        beware: dict[str, Any] | None = None,
        kind: str = INDEXED_DB,
    ) -> None:  # fmt: skip
        """Open an engine, recover its runs, and begin to answer. Again, when the one before has stopped.

        ``beware``: a worker before this one hung, and could not be ended from within. ``runs`` names the run that was
        in it, if that is known; if it is not, whatever begins is told from now on, so that it is known the next time.
        """
        beware = beware or {}
        self._host.stretch.told = self._entering if beware.get("tell") else None
        self._storage = BridgeStorage(self._bridge, durability=durability, kind=kind)
        self._found = await opening.position(self._storage) if self._memory is None else None
        store = self._memory or await opening.chosen(self._storage, require_durable)
        if store is not self._storage:
            self._memory = store  # of this worker, for as long as it lives
        engine = Engine(
            storage=store, close_storage=self._memory is None, workflows=self._workflows, activities=self._activities,
            queues=self._queues, schedules=self._schedules, transport=self._transport, device=Device(server),
            host=self._host, distrusted=beware.get("runs"),
        )  # fmt: skip
        engine.events.subscribe(self._event)
        await engine.open()
        engine.watch_server(lambda: self._bridge.server(json.dumps(engine.server_state())))
        self._engine, self._dispatcher = engine, Dispatcher(engine)

    async def close(self) -> str:
        """Stop the engine, if it is open; its runs stay at their checkpoints. Returns what had stopped it before."""
        engine, self._engine = self._engine, None
        if engine is None:
            return ""
        await engine.close()
        return str(engine.trouble or "")

    async def drain(self, seconds: float) -> int:
        """Let what is in flight end and be recorded, begin nothing new, and close. Returns how many were cut off."""
        engine = self._engine
        if engine is None or engine.status != "open":
            return 0
        cut_off = await engine.drain(seconds)
        self._engine = None
        return cut_off

    def _stored(self, request_id: int, reply: Any) -> None:
        if self._storage is not None:
            self._storage.stored(request_id, reply)
            self._queue.run()  # at once, and not with the next macrotask
            self._look_after_engine()

    def _called(self, request_id: int, method: str, params: str) -> None:
        call = asyncio.ensure_future(self._answer(request_id, method, params))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        self._queue.run()

    def _look_after_engine(self) -> None:
        """Say once that the engine has stopped. It stops only on what its store answered."""
        engine = self._engine
        if engine is None or engine.status in ("open", "closed"):
            return
        self._engine = None
        trouble = engine.diagnostics()["trouble"]
        code = "EngineFencedError" if engine.status == "fenced" else "EngineDegradedError"
        self._bridge.health(json.dumps({"state": engine.status, "error": {"code": code, "message": trouble}}))

    async def _answer(self, request_id: int, method: str, params: str) -> None:
        assert self._dispatcher is not None and self._engine is not None
        engine = self._engine
        answer = await self._dispatcher.call(method, params)
        if method == "diagnostics":
            answer = await self._examined(engine, params, answer)
        if method == "import_finish" and engine is self._engine and engine.status == "closed":
            # What is in the store now is another one's; the next engine answers for it.
            self._engine = None
            self._bridge.health(json.dumps({"state": "replaced", "error": None}))
        elif engine.status not in ("fenced", "closed"):  # else the page asks the new owner, as when a leader dies
            self._bridge.reply(request_id, answer)

    async def _examined(self, engine: Engine, params: str, answer: str) -> str:
        """With ``examine`` diagnostics tell what is in the store, too, and what of it is damaged (G18)."""
        found = json.loads(answer)
        if not json.loads(params).get("examine") or "ok" not in found:
            return answer
        from weft_core.observe import examine  # not with the module: a start need not wait for what few pages ask

        try:
            found["ok"]["examined"] = await examine(engine.storage, deep=True)
        except WeftError as error:
            found = {"error": error.to_json()}
        return json.dumps(found)

    def store(self) -> dict[str, Any]:
        """What the open engine's store promises, and which it is."""
        if self._engine is None:
            return {"durability": "memory", "store_id": "", "epoch": 0, "found": None}
        found = self._engine.diagnostics()
        durability = "memory" if self._memory is not None else found["durability"]
        return {"durability": durability, "store_id": found["store_id"], "epoch": found["epoch"], "found": self._found}

    async def position(self) -> list[int] | None:
        """Epoch and number of the last commit that is durable."""
        return await opening.position(self._storage) if self._storage is not None and self._engine is not None else None

    def looping(self, facts: dict[str, Any]) -> None:
        """Author's code runs for long."""
        self._bridge.looping(json.dumps(facts))

    def _entering(self) -> None:
        now = self._host.stretch
        if (now.run_id, now.name) != self._entered:
            self._entered = now.run_id, now.name
            self._bridge.entering(now.run_id, now.kind, now.name)

    def _event(self, event: dict[str, Any]) -> None:
        self._bridge.event(json.dumps(event))


_runtime: Runtime | None = None


def prepare(bridge: Any, workflow_names: str, activity_names: str, loop_limit_s: float) -> None:
    """Import the author's modules, named one a line. No engine yet: this tab may never lead. ``loop_limit_s``: how long
    their code may compute without a pause; 0 lets it."""
    global _runtime
    if APP not in sys.path:
        sys.path.insert(0, APP)
    workflows = [importlib.import_module(name) for name in workflow_names.split()]
    activities = [importlib.import_module(name) for name in activity_names.split()]
    _runtime = Runtime(bridge, workflows, activities, loop_limit_s)


async def open(options_json: str) -> str:
    """This tab leads: open the engine. Returns an error as JSON, or nothing."""
    assert _runtime is not None
    try:
        options = json.loads(options_json)
        await _runtime.open(
            options["durability"],
            options["require_durable"],
            options["server"],
            options.get("beware"),
            options["store"],
        )
    except WeftError as error:
        return json.dumps(error.to_json())
    return ""


def store() -> str:
    """What the open engine's store promises, and which it is, as JSON."""
    assert _runtime is not None
    return json.dumps(_runtime.store())


async def position() -> str:
    """Epoch and number of the last commit that is durable, as JSON; null when none is known."""
    assert _runtime is not None
    return json.dumps(await _runtime.position())


async def close() -> str:
    """This worker leads no more. Returns what had stopped the engine, or nothing."""
    assert _runtime is not None
    return await _runtime.close()


async def drain(seconds: float) -> int:
    """This worker is about to be replaced by another build's."""
    assert _runtime is not None
    return await _runtime.drain(seconds)

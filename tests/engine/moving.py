"""A wire between two engines in one process: it loses what it is told to lose, before or after it has arrived, and
counts effects outside of both engines, as a real receiver would."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from tests.engine.invariants import Invariants
from weft_core import Context, Device, activity, activity_info, query, signal, workflow
from weft_core.engine import Engine
from weft_core.errors import RunFinishedError, RunMovedError, RunNotFoundError
from weft_core.model.retry import RetryPolicy
from weft_core.model.run import AWAY
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine, VirtualClock
from weft_core.workflow import Workflow

DEVICE, SERVER = "http://device", "http://server"
effects: Counter[str] = Counter()
"""Idempotency key -> calls."""
approve = signal[str]("approve")
seen = query[int]("seen")


@activity(retry=RetryPolicy(max_attempts=50, initial_interval=0.1, jitter=0))
async def pay(what: str) -> str:
    effects[f"{what}:{activity_info().idempotency_key}"] += 1
    return what.upper()


@workflow(portable=True)
async def errand(ctx: Context) -> list[str]:
    done: list[str] = []
    ctx.on_query(seen, lambda: len(done))
    done.append(await ctx.run(pay, "first"))
    await ctx.sleep("1s")
    done.append(await ctx.wait_for_signal(approve))
    done += await ctx.all([ctx.run(pay, "left"), ctx.run(pay, "right")])
    await ctx.sleep("1s")
    done.append(await ctx.run(pay, "last"))
    return done


RESULT = ["FIRST", "yes", "LEFT", "RIGHT", "LAST"]


class Lost(Exception):
    """No answer came."""


class Wire:
    """Every message that was sent, in order. ``plan(number)`` says of each ``"ok"``, ``"lost"`` (it does not arrive),
    ``"unanswered"`` (it does, and its answer is lost) or ``"twice"``."""

    def __init__(self, plan: Callable[[int], str] = lambda number: "ok") -> None:
        self.engines: dict[str, Engine] = {}
        self.sent: list[str] = []
        self.bodies: list[bytes] = []
        self.plan = plan

    async def post(self, url: str, body: bytes) -> bytes:
        self.sent.append(url)
        self.bodies.append(body)
        fate = self.plan(len(self.sent))
        if fate == "lost":
            raise Lost("it never arrived")
        answer = await self._arrive(url, body)
        if fate == "twice":
            answer = await self._arrive(url, body)
        if fate == "unanswered":
            raise Lost("its answer did")
        return answer

    async def _arrive(self, url: str, body: bytes) -> bytes:
        base, _, path = url.partition("/api/v1/handoff/")
        engine = self.engines.get(base)
        if engine is None or engine.status != "open":
            raise Lost("nobody is there")
        try:
            return await self._answer(engine, path, body)
        except SimulatedCrash as crash:  # of the other side: here only the connection breaks
            raise Lost("it broke off") from crash

    @staticmethod
    async def _answer(engine: Engine, path: str, body: bytes) -> bytes:
        if path == "import":
            return await engine.answering.take_in(body)
        if path == "takes":
            return await engine.answering.takes(body)
        run_id, _, what = path.partition("/")
        verbs = {
            "news": engine.answering.news, "return": engine.answering.give_back,
            "returned": engine.answering.given_back, "declined": engine.answering.declined,
            "say": engine.answering.say, "whose": engine.answering.whose,
        }  # fmt: skip
        return await verbs[what](unquote(run_id), body)


class Pair:
    """A device and a server on one clock, with a wire between them. ``crash`` is ``(side, write, mode)``;
    without ``known`` the server knows no workflow. ``device`` is what the device knows of the server."""

    def __init__(self, wire: Wire | None = None, crash: tuple[str, int, str] | None = None,
                 *, known: bool = True, workflow: Workflow = errand, device: Device | None = None) -> None:  # fmt: skip
        self.wire, self.clock, self.crashes = wire or Wire(), VirtualClock(), 0
        self._known, self._workflow, self._device = known, workflow, device
        self.rows = {"device": MemoryStorage(), "server": MemoryStorage()}
        self.engines: dict[str, TestEngine] = {}
        self._invariants = {side: Invariants() for side in self.rows}
        for side, rows in self.rows.items():
            at, mode = crash[1:] if crash is not None and crash[0] == side else (None, "before")
            self.engines[side] = self._engine(side, CrashingStorage(rows, at, mode))  # type: ignore[arg-type]
        effects.clear()

    def _engine(self, side: str, storage: CrashingStorage) -> TestEngine:
        known = [self._workflow] if self._known or side == "device" else []
        return TestEngine(
            workflows=known, storage=storage, clock=self.clock, transport=self.wire, seed=f"{side}{self.crashes}",
            device=self._device if side == "device" else None,
        )  # fmt: skip

    @property
    def device(self) -> TestEngine:
        return self.engines["device"]

    @property
    def server(self) -> TestEngine:
        return self.engines["server"]

    async def __aenter__(self) -> Pair:
        for side in self.engines:
            try:
                await self._open(side)
            except SimulatedCrash:
                await self.begin_again(side)
        return self

    async def __aexit__(self, *exc: object) -> None:
        for engine in self.engines.values():
            await engine.close()

    async def _open(self, side: str) -> None:
        engine = self.engines[side]
        await engine.open()
        engine._parts.mover.wait_ms = 0
        self.wire.engines[DEVICE if side == "device" else SERVER] = engine

    async def _revive(self) -> bool:
        """Begin again, as a new process would, what has died."""
        dead = [side for side, engine in self.engines.items() if engine.status != "open" or engine.storage.dead]
        for side in dead:
            await self.begin_again(side)
        return bool(dead)

    async def begin_again(self, side: str) -> None:
        """A new process on what the old one has written."""
        engine, self.crashes = self.engines[side], self.crashes + 1
        storage = engine.storage
        assert isinstance(storage, CrashingStorage)
        with contextlib.suppress(SimulatedCrash):
            await engine.crash()
        self.engines[side] = self._engine(side, storage.reopen())
        await self._open(side)

    def forget(self, side: str) -> None:
        """Its store is another one now."""
        self._invariants[side] = Invariants()

    async def settle(self, ms: int = 0) -> None:
        """Let all come to rest, and time pass."""
        until = self.clock.now_ms() + ms
        while True:
            for _ in range(2):
                for engine in self.engines.values():
                    await engine.settle()
            self.check()
            at = self.clock.next_deadline()
            if at is None or at > until:
                break
            self.clock.advance_to(at)
        self.clock.advance_to(until)

    def check(self) -> None:
        """Never two owners; and what must hold of each store."""
        for side, rows in self.rows.items():
            self._invariants[side].check(rows.rows())
        owners = [view for view in (self._invariants[side].check(rows.rows()) for side, rows in self.rows.items())
                  if "e" in view.runs and view.runs["e"]["status"] not in AWAY
                  and not view.runs["e"]["rare"].get("away")]  # fmt: skip
        assert len(owners) <= 1, "two engines own the run"

    async def status(self) -> tuple[str, str]:
        """Of the run on the device, and on the server."""
        return (await self.device.describe("e"))["status"], (await self.server.describe("e"))["status"]

    async def surely(self, act: Callable[[], Awaitable[Any]]) -> Any:
        """Do it again until nothing has died meanwhile."""
        while True:
            try:
                done = await act()
                await self.settle()
            except (SimulatedCrash, Exception):
                if not await self._revive():
                    raise
                continue
            if not await self._revive():
                return done

    async def journey(self, back: bool) -> None:
        """Begun on the device, handed off, perhaps taken back, and finished by who owns it then."""
        await self.surely(lambda: self.device.start(errand, id="e", on_conflict="return_existing"))
        await self.surely(lambda: self.settle(2_000))

        async def leave() -> None:
            if (await self.device.handoff_state("e"))["state"] == "none":
                await self.device.handoff("e", SERVER)

        await self.surely(leave)
        await self.surely(lambda: self.settle(2_000))
        assert await self.status() == ("moved", "running")
        if back:
            await self.surely(lambda: self.device.take_back("e"))
            await self.surely(lambda: self.settle(2_000))
            assert await self.status() == ("running", "moved")

        async def answer() -> None:
            for engine in self.engines.values():
                with contextlib.suppress(RunMovedError, RunFinishedError, RunNotFoundError):
                    await engine.signal("e", approve, "yes", signal_id="once")

        await self.surely(answer)
        await self.surely(lambda: self.settle(5_000))
        assert await self.device.get_handle("e").result() == RESULT
        if not back:
            assert await self.server.get_handle("e").result() == RESULT
            assert await self.server.history("e") == await self.device.history("e")

"""A workflow with everything that a fork, a rewind or an edit must bring back, and what its effects did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from tests.engine.invariants import Invariants
from weft_core import Context, Engine, RetryPolicy, activity, activity_info, durable, signal, workflow
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine, VirtualClock

note = signal("note")
effects: Counter[str] = Counter()
used_keys: list[tuple[str, str]] = []
broken: set[str] = set()


def forget() -> None:
    effects.clear()
    used_keys.clear()
    broken.clear()


@activity(retry=RetryPolicy(max_attempts=2, initial_interval=1))
async def act(name: str) -> str:
    effects[name] += 1
    used_keys.append((name, activity_info().idempotency_key))
    if name in broken:
        raise ValueError(f"{name} is broken")
    return name.upper()


@durable
async def collect(ctx: Context, many: int) -> list[Any]:
    got = []
    for _ in range(many):
        text = await ctx.wait_for_signal(note)
        got.append(text)
    return got


@workflow(retain_checkpoints=20)
async def trip(ctx: Context, notes: int) -> dict[str, Any]:
    """Steps: 1 flight, 2 attribute, 3 … the notes, then hotel, an hour, and two cars side by side."""
    total, log = 100, ["x" * 100] * 60
    flight = await ctx.run(act, "flight")
    await ctx.set_attribute("stage", "flown")
    got = await collect(ctx, notes)
    total += len(got)
    await ctx.set_attribute("stage", "noted")
    hotel = await ctx.run(act, "hotel")
    log.append(hotel)
    await ctx.sleep("1 hour")
    cars = await ctx.all([ctx.run(act, "car"), ctx.run(act, "bus")])
    return {
        "total": total, "got": got, "all": [flight, hotel, *cars], "log": len(log),
        "stage": ctx.get_attribute("stage"),
    }  # fmt: skip


def result(*got: Any, total: int | None = None) -> dict[str, Any]:
    total = 100 + len(got) if total is None else total
    return {"total": total, "got": [*got], "all": ["FLIGHT", "HOTEL", "CAR", "BUS"], "log": 61, "stage": "noted"}


def rows_of(engine: Engine) -> dict[str, bytes]:
    assert isinstance(engine.storage, MemoryStorage)
    return engine.storage.rows()


async def travel(engine: TestEngine, *notes: Any, id: str = "t") -> None:
    """Start a trip and send its notes; it sleeps, having done all but its cars."""
    await engine.start(trip, len(notes), id=id)
    await engine.settle()
    for text in notes:
        await engine.signal(id, note, text)
    await engine.settle()


Use = Callable[[TestEngine], Awaitable[None]]


async def crash_everywhere(prepare: Use, use: Use, judge: Use, mode: Literal["before", "after"]) -> int:
    """Prepare a store, then use it and crash at the n-th write of that, for every n; use it again and judge. How many
    writes there were."""
    for crash_at in range(1, 1_000):
        forget()
        memory, clock = MemoryStorage(), VirtualClock()
        async with TestEngine(workflows=[trip], storage=memory, clock=clock) as engine:
            await prepare(engine)
        storage = CrashingStorage(memory, mode=mode)
        crashing = TestEngine(workflows=[trip], storage=storage, clock=clock)
        try:
            await crashing.open()
            storage.crash_in(crash_at, mode)
            await use(crashing)
            await crashing.settle()
            if crashing.status != "open":
                raise crashing.trouble or AssertionError("stopped without a reason")
        except SimulatedCrash:
            pass
        await crashing.crash()
        Invariants().check(memory.rows())
        async with TestEngine(workflows=[trip], storage=memory.reopen(), clock=clock) as again:
            await use(again)
            await again.settle()
            await judge(again)
            Invariants().check(rows_of(again))
        if not storage.dead:
            return crash_at
    raise AssertionError("it never ends")

"""Random programs: a fork at any retained checkpoint, and a rewind to any, come to the result of an undisturbed run.

``WEFT_REPAIR_SEED=<seed>`` repeats one program alone.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from typing import Any

import pytest

from tests.engine.invariants import SUMMARY, Invariants, View, unseal
from weft_core import Context, Limits, RetryPolicy, activity, activity_info, durable, workflow
from weft_core.errors import SignalTimeoutError
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine

SEED = os.environ.get("WEFT_REPAIR_SEED")
PROGRAMS = int(os.environ.get("WEFT_REPAIR_PROGRAMS", "12"))
Node = list[Any]
effects: Counter[tuple[str, str]] = Counter()
"""By run and name of the effect."""
keys_used: Counter[str] = Counter()


@activity(retry=RetryPolicy(max_attempts=5, initial_interval=0.5))
async def touch(name: str, failures: int) -> str:
    info = activity_info()
    effects[info.run_id, name] += 1
    keys_used[info.idempotency_key] += 1
    if info.attempt <= failures:
        raise ValueError(name)
    return name


@durable
async def perform(ctx: Context, node: Node) -> Any:
    kind, name = node[0], node[1]
    if kind == "touch":
        return await ctx.run(touch, name, node[2])
    if kind == "sleep":
        await ctx.sleep(node[2])
        return name
    if kind == "wait":
        try:
            return await ctx.wait_for_signal(node[2], timeout=5)
        except SignalTimeoutError:
            return None
    if kind == "note":
        await ctx.set_attribute("noted", name)
        return ctx.get_attribute("noted")
    if kind == "hoard":
        rows: list[dict[str, Any]] = []
        for i in range(node[2]):
            rows.append({"name": name * 60, "tags": [i]})
            await ctx.run(touch, f"{name}.{i}", 0)
            rows[i // 2]["tags"].append(i)
        return [row["tags"] for row in rows]
    if kind == "seq":
        return [await perform(ctx, child) for child in node[2]]
    return await ctx.all([perform(ctx, child) for child in node[2]])


@workflow(retain_checkpoints=1000, signals=["red"])
async def program(ctx: Context, node: Node) -> Any:
    log: list[Any] = []
    for child in node[2]:
        log.append(await perform(ctx, child))
    return log


def written(pick: random.Random, depth: int = 3) -> Node:
    leaves = ["touch", "touch", "sleep", "wait", "note", "hoard"]
    kind = pick.choice(leaves if depth == 0 else [*leaves, "seq", "all", "all"])
    name = f"n{pick.randint(0, 10**9)}"
    rest: list[Any] = {
        "touch": lambda: [pick.choice([0, 0, 0, 2])], "sleep": lambda: [pick.choice([0, 1, 7])],
        "wait": lambda: ["red"], "hoard": lambda: [pick.choice([2, 9])],
        "seq": lambda: [[written(pick, depth - 1) for _ in range(2)]],
        "all": lambda: [[written(pick, depth - 1) for _ in range(2)]],
    }.get(kind, list)()  # fmt: skip
    return [kind, name, *rest]


class Journey:
    """One program, run to its end; then forked at every checkpoint, and rewound to every one."""

    def __init__(self, seed: int) -> None:
        self.pick = random.Random(seed)
        self.node = ["seq", "root", [written(self.pick) for _ in range(3)]]
        self.invariants = Invariants()
        self.rows = MemoryStorage()
        self.limits = Limits(max_live_runs=self.pick.choice([1, 1000]))

    async def run(self) -> None:
        async with TestEngine(workflows=[program], storage=self.rows, limits=self.limits) as engine:
            handle = await engine.start(program, self.node, id="r")
            await self._to_its_end(engine)
            ended = await handle.result()
            steps = [c["step"] for c in await engine.checkpoints("r")]
            assert steps == sorted(steps, reverse=True)
            for step in steps:
                assert (await engine.frames("r", at=step))["step"] == step
                await self._fork(engine, step, ended)
            await self._rewind(engine, ended)

    def _check(self) -> None:
        self.invariants.check(self.rows.rows())

    async def _to_its_end(self, engine: TestEngine) -> None:
        for _ in range(40):
            await engine.advance_time(3)
            self._check()

    async def _fork(self, engine: TestEngine, step: int, ended: Any) -> None:
        fork = await engine.fork("r", at=step)
        await engine.settle()
        self._check()
        if self.pick.random() < 0.3:
            await self._crash(engine)
        await engine.advance_time(300)
        self._check()
        assert await engine.get_handle(fork.id).result() == ended, f"a fork at {step}"

    async def _rewind(self, engine: TestEngine, ended: Any) -> None:
        """A run that has come to some step is put back to one that it retains, again and again."""
        await engine.start(program, self.node, id="w")
        timeline: list[tuple[int, str]] = []
        """Number of the event and name of each effect whose outcome the run knows."""
        told = 0
        for _ in range(8):
            await engine.advance_time(self.pick.choice([0, 1, 3, 9]))
            if (await engine.describe("w"))["finished_at"] is not None:
                break
            await engine.suspend("w")
            for event in await engine.history("w", after=told):
                told = event["seq"]
                if event["type"] == "activity_completed":
                    timeline.append((told, event["result"]))
            to = self.pick.choice([c["step"] for c in await engine.checkpoints("w")])
            next_seq = self._next_seq(to)
            timeline = [(seq, name) for seq, name in timeline if seq < next_seq]
            before = Counter(effects)
            await engine.rewind("w", to)
            await engine.settle()
            self._check()
            assert effects == before, "nothing begins before it is resumed"
            if self.pick.random() < 0.3:
                await self._crash(engine)
            await engine.resume("w")
            await engine.settle()
            self._check()
            again = {name for (run_id, name), times in (effects - before).items() if run_id == "w"}
            assert not again & {name for _, name in timeline}, f"effects of before step {to} are repeated"
        await engine.advance_time(300)
        self._check()
        assert await engine.get_handle("w").result() == ended

    def _next_seq(self, step: int) -> int:
        """The number of the first event after the checkpoint of a step."""
        view = View(self.rows.rows())
        if view.parked["w"]["completed"] == step:
            return int(view.parked["w"]["next_seq"])
        summary = unseal("ckpt/w", view.past["w"][step][1])[1]
        return int(summary[SUMMARY.index("next_seq")])

    async def _crash(self, engine: TestEngine) -> None:
        await engine.crash_and_recover()
        assert isinstance(engine.storage, MemoryStorage)
        self.rows = engine.storage
        self._check()


@pytest.mark.parametrize("number", range(1 if SEED else PROGRAMS))
def test_forks_and_rewinds_of_random_programs_come_to_the_same_result(number: int) -> None:
    seed = int(SEED) if SEED else random.randrange(10**9)
    effects.clear()
    keys_used.clear()
    try:
        asyncio.run(asyncio.wait_for(Journey(seed).run(), 60))
    except BaseException:
        print(f"\nWEFT_REPAIR_SEED={seed}")
        raise

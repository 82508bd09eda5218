"""Random workflows, random messages, random accidents; after every one the invariants of the contract.

A failure prints its seed: ``WEFT_SIM_SEED=<seed> pytest tests/engine/test_simulator.py`` repeats that round alone.
``WEFT_SIM_ROUNDS`` says how many rounds there are; each begins where the last one ended.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections import Counter, defaultdict
from typing import Any

from tests.engine.invariants import ENDINGS, FINISHED, PLACED, Invariants, View, since, without_ownership
from weft_core import (
    Context,
    Done,
    NotDone,
    Retention,
    RetryPolicy,
    activity,
    activity_info,
    codec,
    durable,
    queue,
    workflow,
)
from weft_core.client import leave_cancel, leave_signal
from weft_core.errors import (
    BulkConfirmationError,
    CheckpointNotFoundError,
    CompletionTokenNotFoundError,
    CompletionTokenUsedError,
    EditError,
    EngineDegradedError,
    EngineFencedError,
    RunError,
    RunExistsError,
    RunFinishedError,
    RunNotFinishedError,
    RunNotParkedError,
    ScheduleExistsError,
    ScheduleNotFoundError,
    ScopeTimeoutError,
    SignalTimeoutError,
    StorageError,
    UpdateTimeoutError,
    WaitTimeoutError,
    WeftError,
)
from weft_core.model.limits import Limits
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, FailingStorage, SimulatedCrash, TestEngine, VirtualClock, virtual_host

ROUNDS = int(os.environ.get("WEFT_SIM_ROUNDS", "25"))
SEED = os.environ.get("WEFT_SIM_SEED")
SIGNALS = ("red", "green")
Node = list[Any]


class World:
    """Outside of any engine: what the effects did, as their receivers saw it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.rows = MemoryStorage()
        self.effects: Counter[tuple[str, int, str]] = Counter()
        self.failures: Counter[tuple[str, int]] = Counter()
        self.tokens: list[tuple[str, str, int]] = []
        """Handed over by activities: token, run, step."""
        self.inside: defaultdict[Any, list[str]] = defaultdict(list)
        """By engine, those who are in the narrow queue."""
        self.crowded = ""
        self.tokens_seen: Counter[str] = Counter()
        """By lock, the last fencing token that a receiver has seen."""
        self.stubborn: Counter[str] = Counter()
        self.tokens_repeat = False
        self.ledger: Counter[str] = Counter()
        """By idempotency key, the effects of activities that can be verified."""

    def called(self, name: str) -> None:
        info = activity_info()
        self.effects[info.run_id, info.step, name] += 1
        events = since(View(self.rows.rows()).events[info.run_id], "run_restarted")
        recorded = [data["step"] for _, kind, data in events if kind == "activity_completed"]
        assert info.step not in recorded, f"G4: {name} was called after its outcome was recorded"


world: World


PATIENT = RetryPolicy(max_attempts=1000, initial_interval=0.5, max_interval=3)


@activity(retry=PATIENT)
async def touch(name: str, waits: int) -> str:
    world.called(name)
    for _ in range(waits):
        await asyncio.sleep(0)
    return name


@activity(retry=RetryPolicy(max_attempts=4, initial_interval=0.5, max_interval=3))
def stumble(name: str, times: int) -> str:
    world.called(name)
    info = activity_info()
    world.failures[info.run_id, info.step] += 1
    if world.failures[info.run_id, info.step] <= times:
        raise ValueError(name)
    return name


@activity(retry=PATIENT, heartbeat_timeout="1 ms")
async def count_on(name: str, to: int) -> str:
    """Goes on from the heartbeat of the attempt before."""
    world.called(name)
    info = activity_info()
    at = info.heartbeat_details or 0
    assert 0 <= at <= to
    while at < to:
        at += 1
        info.heartbeat(at)
        await asyncio.sleep(0)
    return name


@activity(retry=PATIENT)
async def speak(name: str, words: int) -> str:
    world.called(name)
    sink = activity_info().stream("all")
    for i in range(words):
        await sink.write([name, i])
        await asyncio.sleep(0)
    return name


@activity(retry=PATIENT)
async def hand_over(name: str, waits: int) -> None:
    world.called(name)
    info = activity_info()
    world.tokens.append((info.completion_token, info.run_id, info.step))
    for _ in range(waits):
        await asyncio.sleep(0)
    info.complete_later()


def was_bought(name: str, waits: int) -> Any:
    return Done(name) if world.ledger[activity_info().idempotency_key] else NotDone


@activity(retry=PATIENT, verify=was_bought)
async def buy(name: str, waits: int) -> str:
    world.called(name)
    for _ in range(waits // 2):
        await asyncio.sleep(0)
    world.ledger[activity_info().idempotency_key] += 1
    for _ in range(waits // 2):
        await asyncio.sleep(0)
    return name


@activity(retry=PATIENT, queue="narrow", key=lambda name: name[-1])
async def squeeze(name: str) -> str:
    world.called(name)
    inside = world.inside[activity_info().link.port]  # type: ignore[union-attr]
    if inside:
        world.crowded = f"{name} is one too many beside {inside}"
    inside.append(name)
    try:
        for _ in range(8):
            await asyncio.sleep(0)
    finally:
        inside.remove(name)
    return name


@activity(retry=PATIENT)
async def behind_lock(name: str, lock: str, token: int) -> str:
    """A receiver that sees what comes from an earlier holder; only an engine that was overtaken sends that, or a run
    that was put back into a block whose lock it has let go of since."""
    world.called(name)
    if token < world.tokens_seen[lock] and not world.tokens_repeat:
        world.crowded = f"{name} has {lock} no more"
    world.tokens_seen[lock] = max(token, world.tokens_seen[lock])
    await asyncio.sleep(0)
    return name


@activity(retry=RetryPolicy(max_attempts=2, initial_interval=0.5))
def undo_at_last(name: str) -> None:
    """A compensation that finally fails, more than once, until somebody has seen to it."""
    world.called(name)
    info = activity_info()
    world.failures[info.run_id, info.step] += 1
    world.stubborn[info.run_id + name] += 1
    if world.stubborn[info.run_id + name] < 4:
        raise ValueError(name)


def clean_up(name: str) -> None:
    world.called(name)


@durable
async def perform(ctx: Context, node: Node) -> Any:
    """Interpret one node: ``[kind, name, ...]``. The value says what happened."""
    kind, name = node[0], node[1]
    if kind == "touch":
        return await ctx.run(touch, name, node[2])
    if kind == "squeeze":
        return await ctx.run(squeeze, name, priority=node[2])
    if kind == "stumble":
        try:
            return await ctx.run(stumble, name, node[2])
        except ValueError as error:
            return f"failed {error}"
        except WeftError:
            return f"failed {name}"
    if kind == "count":
        return await ctx.run(count_on, name, node[2])
    if kind == "buy":
        return await ctx.run(buy, name, node[2])
    if kind == "outside":
        try:
            return await ctx.run(hand_over, name, node[2], total_timeout=node[3])
        except WeftError:
            return f"failed {name}"
    if kind == "sleep":
        await ctx.sleep(node[2])
        return name
    if kind == "wait":
        try:
            return [name, await ctx.wait_for_signal(node[2], timeout=node[3])]
        except SignalTimeoutError:
            return [name, None]
    if kind == "ask":
        try:
            received = await ctx.wait_for_update("ask", timeout=node[2])
        except WaitTimeoutError:
            return [name, None]
        await ctx.run(touch, name, node[3])
        await received.respond([name, received.payload])
        return [name, received.payload]
    if kind == "heard":
        heard: list[Any] = []
        ctx.on_update("tell", lambda payload: heard.append(payload) or len(heard))
        try:
            await ctx.wait_until(lambda: heard, timeout=node[2])
        except WaitTimeoutError:
            return [name, None]
        return [name, heard[0]]
    if kind == "note":
        await ctx.set_attribute(name, [name])
        await ctx.set_attributes({"last": name, "count": len(name), "odd": None if len(name) % 2 else True})
        return ctx.get_attribute(name)
    if kind == "tally":
        own, shared = ctx.state.execution("tally"), ctx.state.workflow("tally")
        await own.append(name)
        total = await shared.increment()
        assert await shared.update(lambda n: n + 1) > total
        assert name in await own.get()
        return name
    if kind == "keep":
        return await ctx.load(await ctx.offload(touch, name, node[2]))
    if kind == "speak":
        ctx.stream("all").write(name)
        return await ctx.run(speak, name, node[2])
    if kind == "step":
        return await ctx.step(name, lambda: name)
    if kind == "hoard":
        return await hoard(ctx, name, node[2])
    if kind == "fail":
        raise ValueError(name)
    if kind == "guard":
        try:
            return await perform(ctx, node[2])
        except ValueError as error:
            return f"caught {error}"
    if kind == "last":
        ctx.log(f"{name}-last")
        try:
            return await perform(ctx, node[2])
        finally:
            await ctx.step(f"{name}-last", clean_up, name, retry=PATIENT)
    if kind == "seq":
        return [await perform(ctx, child) for child in node[2]]
    if kind == "address":
        return await address(ctx, name, node[2], node[3])
    if kind == "prepare":
        ctx.log(f"{name}~cancel")
        ctx.on_cancel(ctx.step(f"{name}~cancel", clean_up, name, retry=PATIENT))
        return name
    if kind == "child":
        return await have_child(ctx, name, *node[2:])
    if kind == "lock":
        async with ctx.semaphore(f"{node[2]}", node[3]) as token:
            if node[3] == 1:
                await ctx.run(behind_lock, name, node[2], token)
            return await perform(ctx, node[4])
    if kind == "map":
        return await ctx.map(perform, node[2], concurrency=node[3])
    if kind == "saga":
        return await undoing(ctx, name, node[2], node[3], node[4])
    if kind == "limit":
        try:
            async with ctx.timeout(node[2]):
                return await perform(ctx, node[3])
        except ScopeTimeoutError:
            return f"late {name}"
    if kind == "plain-race":
        return await ctx.race({n: ctx.wait_for_signal(n, timeout=node[2]) for n in SIGNALS})
    branches = [perform(ctx, child) for child in node[2]]
    return await (ctx.all(branches) if kind == "all" else ctx.race(branches))


@durable
async def address(ctx: Context, name: str, how: str, other: str) -> str:
    """To a run that may be there or not, may be held up, or may be this one."""
    try:
        if how == "signal":
            await ctx.signal(other, "red", ["red", name], signal_id=f"from-{ctx.id}-{name}")
        elif how == "cancel":
            await ctx.cancel(other, name)
        else:
            await ctx.race([ctx.result_of(other), ctx.sleep(2)])
    except WeftError:
        return f"refused {name}"
    return name


@durable
async def have_child(ctx: Context, name: str, how: str, policy: str, node: Node) -> Any:
    try:
        if how == "wait":
            return await ctx.child("program", node, on_parent_close=policy)
        child = await ctx.start_child("program", node, on_parent_close=policy)
        if how == "leave":
            return f"child {name}"
        await ctx.run(touch, name, 1)
        return await child.result()
    except RunError as ended:
        return f"child {name} {ended.code}"


@durable
async def undoing(ctx: Context, name: str, fails: bool, stubborn: bool, node: Node) -> Any:
    try:
        async with ctx.saga() as saga:
            await saga.run(touch, name, 1, compensate=undone)
            if stubborn:
                saga.add(ctx.run(undo_at_last, name))
            saga.add(undo_later(ctx, name))
            try:
                value = await perform(ctx, node)
                if fails:
                    raise ValueError(name)
            except BaseException:
                ctx.log(f"{name}-undo")
                raise
            return value
    except ValueError:
        return f"undone {name}"


@durable
async def undo_later(ctx: Context, name: str) -> None:
    await ctx.sleep(1)
    await ctx.step(f"{name}-undo", clean_up, name, retry=PATIENT)


@activity(retry=PATIENT)
def undone(name: str) -> None:
    world.called(name)


@durable
async def hoard(ctx: Context, name: str, rounds: int) -> str:
    """State that grows beyond what one record holds, changes in the middle, and shrinks."""
    rows, index, total = [], {}, 0
    for i in range(rounds):
        for j in range(5):
            row = {"n": i * 5 + j, "text": name * 100, "tags": [i]}
            rows.append(row)
            index[f"{i}.{j}"] = row
            total += row["n"]
        rows[i]["tags"].append(i)
        await ctx.run(touch, name, i % 2)
        if i % 3 == 2:
            gone = rows.pop(0)
            total -= gone["n"]
            index = {k: r for k, r in index.items() if r is not gone}
    assert sum(r["n"] for r in rows) == total and list(index.values()) == rows
    assert all(a is b for a, b in zip(index.values(), rows, strict=True)), "rows are shared by list and dict"
    return name


@workflow(signals=SIGNALS)
async def program(ctx: Context, node: Node) -> Any:
    ctx.expose("node", node)
    return await perform(ctx, node)


class Author:
    """Writes programs."""

    def __init__(self, chance: random.Random) -> None:
        self._chance, self._count = chance, 0

    def write(self, depth: int = 3) -> Node:
        self._count += 1
        pick, name = self._chance, f"n{self._count}"
        leaves = [
            "touch", "stumble", "sleep", "wait", "note", "step", "hoard", "plain-race", "count", "outside", "buy",
            "ask", "heard",
            "squeeze", "squeeze",
            "tally", "speak", "keep",
            "address", "address", "prepare",
        ] * 3 + ["fail"]  # fmt: skip
        whole = ["seq", "seq", "all", "race", "last", "guard", "child", "lock", "map", "saga", "limit"]
        kind = pick.choice(whole if depth > 1 else leaves if depth == 0 else leaves + whole * 4)
        rest: list[Any] = {
            "touch": lambda: [pick.randint(0, 3)],
            "squeeze": lambda: [pick.randint(0, 1)],
            "stumble": lambda: [pick.randint(0, 5)],
            "keep": lambda: [pick.randint(0, 3)],
            "speak": lambda: [pick.randint(1, 4)],
            "count": lambda: [pick.randint(0, 4)],
            "outside": lambda: [pick.randint(0, 2), pick.choice([1, 20, 1000])],
            "buy": lambda: [pick.randint(0, 4)],
            "sleep": lambda: [pick.choice([0, 1, 5, 20])],
            "wait": lambda: [pick.choice(SIGNALS), pick.choice([1, 10, 1000])],
            "ask": lambda: [pick.choice([1, 10, 1000]), pick.randint(0, 2)],
            "heard": lambda: [pick.choice([1, 10, 1000])],
            "hoard": lambda: [pick.choice([2, 6, 12])],
            "plain-race": lambda: [pick.choice([1, 10])],
            "guard": lambda: [self.write(depth - 1)],
            "address": lambda: [pick.choice(["signal", "cancel", "wait"]), f"key{pick.randint(1, 6)}"],
            "child": lambda: [
                pick.choice(["wait", "keep", "leave"]),
                pick.choice(["cancel", "terminate", "abandon", "await"]),
                self.write(min(depth - 1, 1)),
            ],
            "lock": lambda: [*pick.choice([("door", 1), ("gate", 1), ("hall", 2)]), self.write(depth - 1)],
            "saga": lambda: [pick.random() < 0.5, pick.random() < 0.3, self.write(depth - 1)],
            "limit": lambda: [pick.choice([0, 1, 5, 20]), self.write(depth - 1)],
            "last": lambda: [self.write(depth - 1), pick.randint(0, 2)],
        }.get(kind, list)()
        if kind in ("seq", "all", "race"):
            rest = [[self.write(depth - 1) for _ in range(pick.randint(2, 3))]]
        if kind == "map":
            rest = [[self.write(depth - 1) for _ in range(pick.randint(0, 4))], pick.randint(1, 3)]
        return [kind, name, *rest]


def fits(node: Node, value: Any) -> bool:
    """Whether a completed node may have this value."""
    kind, name = node[0], node[1]
    if kind == "stumble":
        return value in (name, f"failed {name}") and (node[2] < 4 or value != name)
    if kind == "outside":
        return value in (name, f"failed {name}", "answered")
    if kind == "wait":
        return value[0] == name and (value[1] is None or value[1][0] == node[2])
    if kind in ("ask", "heard"):
        return value[0] == name and (value[1] is None or value[1][0] == kind)
    if kind == "note":
        return bool(value == [name])
    if kind == "plain-race":
        return value[0] in SIGNALS and value[1][0] == value[0]
    if kind == "guard":
        return (isinstance(value, str) and value.startswith("caught ")) or fits(node[2], value)
    if kind == "last":
        return fits(node[2], value)
    if kind == "address":
        return value in (name, f"refused {name}")
    if kind == "child":
        return (isinstance(value, str) and value.startswith(f"child {name}")) or fits(node[4], value)
    if kind == "lock":
        return fits(node[4], value)
    if kind == "saga":
        return bool(value == f"undone {name}") or fits(node[4], value)
    if kind == "limit":
        return bool(value == f"late {name}") or fits(node[3], value)
    if kind in ("seq", "all", "map"):
        return len(value) == len(node[2]) and all(map(fits, node[2], value))
    if kind == "race":
        return any(_fits(child, value) for child in node[2])
    return kind != "fail" and bool(value == name)


def _fits(node: Node, value: Any) -> bool:
    try:
        return fits(node, value)
    except (TypeError, IndexError, KeyError):
        return False


class Round:
    """One world, from its first engine to its last."""

    def __init__(self, seed: int) -> None:
        global world
        self.world = world = World(seed)
        self.pick = self.world.random
        self.author = Author(self.pick)
        self.clock = VirtualClock()
        self.host = virtual_host(self.clock, f"seed {seed}")
        self.retention = self.pick.choice([Retention(), Retention(), Retention(events=4), Retention(completed="20 s")])
        self.invariants = Invariants(purges=True, windows=self.retention.events is not None)
        self.finished: set[str] = set()
        """Runs that may be gone at the next look."""
        self.accidents = 0
        self.overtaken = 0
        self.acknowledged: set[tuple[str, str]] = set()
        self.answers: dict[tuple[str, str], Any] = {}
        self.programs: dict[str, Node] = {}
        self.unaccountable: set[str] = set()
        """Schedules whose times were changed while they ran."""
        self.sent = 0
        self.retained = self.pick.choice([0, 0, 2, 1000])
        self.limits = Limits(
            max_live_runs=self.pick.choice([1, 2, 1000]), max_batch_turns=self.pick.choice([1, 2, 3, 512])
        )
        self.engine: TestEngine

    async def open(self) -> None:
        while True:
            self.crashing = CrashingStorage(self.world.rows.reopen())
            self.failing = FailingStorage(self.crashing)
            self.engine = TestEngine(
                workflows=[program], storage=self.failing, clock=self.clock, limits=self.limits,
                retention=self.retention, queues=[queue("narrow", concurrency=1)],
                retain_checkpoints=self.retained,
            )  # fmt: skip
            self.engine._host = self.host
            if self.pick.random() < 0.2:
                self.crashing.crash_in(self.pick.randint(1, 4), self.pick.choice(["before", "after"]))
            try:
                await self.engine.open()
                await self.engine.settle()
            except SimulatedCrash:
                pass
            if not self.crashing.dead:
                self.crashing.crash_at = None
                return
            self.accidents += 1
            await self.engine.crash()
            self.check()

    def check(self) -> View:
        view = self.invariants.check(self.world.rows.rows())
        assert not self.world.crowded, self.world.crowded
        for run_id in self.finished - set(view.runs):
            self.programs.pop(run_id, None)
            self.acknowledged = {pair for pair in self.acknowledged if pair[0] != run_id}
        self.finished = {run_id for run_id, header in view.runs.items() if header["status"] in FINISHED}
        for run_id, signal_id in self.acknowledged:
            assert f"mail-id/{run_id}/{signal_id}" in view.rows, f"G7: {signal_id} of {run_id} is lost"
        for run_id in self.programs:
            assert run_id in view.runs, f"G1: {run_id} is lost"
        # An attempt that was stopped gives its place in a queue back a moment later.
        if self.engine.status == "open" and self.engine.idle and not self._places():
            assert not view.kinds["active"], f"an attempt that nobody makes: {list(view.kinds['active'])}"
        for place, entries in view.streams.items():
            self.check_stream(place, entries)
        return view

    @staticmethod
    def check_stream(place: tuple[str, str], entries: list[Any]) -> None:
        """What counts of a step's words is from one attempt: each once, in order."""
        said: defaultdict[int, list[int]] = defaultdict(list)
        for step, *data in entries:
            if not data:
                said[step].clear()
            elif step:
                said[step].append(codec.loads(data[0])[1])
        for step, words in said.items():
            assert words == list(range(len(words))), f"step {step} has said {words} to {place}"

    def _places(self) -> int:
        return sum(report["running"] for report in self.engine._parts.pump.queues.report().values())

    # -- what users do

    async def start(self) -> None:
        node = self.author.write()
        key = f"key{self.pick.randint(1, 6)}"
        how = self.pick.choice([0, 1, 2, 3] if not self.retention.removes_runs else [0, 2])
        when: Any = {
            "delay": self.pick.choice([None, None, 1, 6]),
            "execution_timeout": self.pick.choice([None, None, 0, 2, 30]),
        }
        if how == 0:
            self.programs[(await self.engine.start(program, node, **when)).id] = node
        elif how == 3:
            await self._restart(node, key, when)
        elif how == 1:
            await self._start_as(node, {"id": key})
        else:
            twice = (self._start_as(node, {"idempotency_key": key}) for _ in range(2))
            for failed in await asyncio.gather(*twice, return_exceptions=True):
                if isinstance(failed, BaseException):
                    raise failed

    async def _start_as(self, node: Node, name: dict[str, str]) -> None:
        try:
            handle = await self.engine.start(program, node, **name)
        except RunExistsError:
            return
        except WeftError as error:
            if error.code not in ("IdempotencyKeyConflictError", "IdempotencyKeyPurgedError"):
                raise
            return
        assert self.programs.setdefault(handle.id, node) == node

    async def _restart(self, node: Node, run_id: str, when: dict[str, Any]) -> None:
        before = self.programs.pop(run_id, None)  # which of the two it is now, is not known if this is cut off
        try:
            await self.engine.start(program, node, id=run_id, on_conflict="restart", **when)
        except RunExistsError:
            if before is not None:
                self.programs[run_id] = before
        else:
            self.programs[run_id] = node
            self.acknowledged = {pair for pair in self.acknowledged if pair[0] != run_id}

    def _any_run(self) -> str | None:
        return self.pick.choice(list(self.programs)) if self.programs else None

    async def signal(self) -> None:
        if (run_id := self._any_run()) is None:
            return
        name = self.pick.choice(SIGNALS)
        self.sent += 1
        signal_id = self.pick.choice([None, f"s{self.sent}", f"s{self.pick.randint(1, 4)}"])
        try:
            if self.pick.random() < 0.3:
                await leave_signal(self.failing, self.host.ids, run_id, name, [name, self.sent], signal_id=signal_id)
                await self.engine._parts.inbox.take()
            else:
                await self.engine.signal(run_id, name, [name, self.sent], signal_id=signal_id)
                if signal_id is not None:
                    self.acknowledged.add((run_id, signal_id))
        except RunFinishedError:
            pass

    async def update(self) -> None:
        """Asking again under an id gives the answer that was given (G8)."""
        if (run_id := self._any_run()) is None:
            return
        name, update_id = self.pick.choice([("ask", "a"), ("tell", "t")])
        update_id += str(self.pick.randint(1, 5))
        kind = "ask" if name == "ask" else "heard"
        try:
            answer = await self.engine.update(run_id, name, [kind, update_id], update_id=update_id, timeout=0)
        except (RunFinishedError, UpdateTimeoutError):
            return
        assert self.answers.setdefault((run_id, update_id), answer) == answer, f"G8: {update_id} of {run_id}"

    async def cancel(self) -> None:
        if (run_id := self._any_run()) is None:
            return
        try:
            if self.pick.random() < 0.3:
                await leave_cancel(self.failing, self.host.ids, run_id, reason="left")
                await self.engine._parts.inbox.take()
            else:
                await self.engine.cancel(run_id, "asked")
        except RunFinishedError:
            pass

    async def purge(self) -> None:
        await self.engine.settle()
        self.check()
        ids = [run_id for run_id in self.programs if not run_id.startswith("key")]  # which may be used again
        if ids:
            try:
                await self.engine.purge(self.pick.choice(ids))
            except RunNotFinishedError:
                pass

    async def bulk(self) -> None:
        """Every run gets a signal, once; what a crash interrupts goes on at the next opening."""
        how = {"workflow": "program", "status": "running"}
        name = self.pick.choice(SIGNALS)
        plan = await self.engine.bulk_signal(name, [name, -1], dry_run=True, **how)
        try:
            await self.engine.bulk_signal(name, [name, -1], confirm=plan.confirmation_token, **how)
        except BulkConfirmationError:
            pass  # some have ended since

    async def annotate(self) -> None:
        """Of runs in any state; then what a search finds is what their records say."""
        if (run_id := self._any_run()) is None:
            return
        tag, number = self.pick.choice(SIGNALS), self.pick.choice([1, 2.5, -3, None])
        await self.engine.set_attributes(run_id, {"number": number})
        await (self.engine.add_tags if self.pick.random() < 0.7 else self.engine.remove_tags)(run_id, [tag])
        await self.engine.settle()  # no run must move between two searches
        every = (await self.engine.list(limit=1000)).items
        for words, fits in (
            ({"tags": [tag]}, lambda r: tag in r["tags"]),
            ({"attributes": {"number": {"lt": 2}}}, lambda r: r["attributes"].get("number", 3) < 2),
            ({"status": ["running", "failed"]}, lambda r: r["status"] in ("running", "failed")),
        ):
            expected = {r["id"] for r in every if fits(r)}
            assert {r["id"] for r in (await self.engine.list(**words, limit=1000)).items} == expected, words
            assert await self.engine.count(**words) == len(expected), words

    async def look(self) -> None:
        if (run_id := self._any_run()) is None:
            return
        await self.engine.settle()
        before = self.world.rows.rows()
        info = await self.engine.describe(run_id)
        history = await self.engine.history(run_id)
        life = max((i for i, event in enumerate(history) if event["type"] == "run_restarted"), default=0)
        kinds = {event["type"] for event in history[life:]}
        whole = history[0]["seq"] == 1
        if whole and "run_started" in kinds and "run_delayed" not in kinds:  # else it may never have begun
            assert await self.engine.query(run_id, "node") == self.programs[run_id]
        ends = [e["type"] for e in history if e["type"] in (*ENDINGS, "run_rewound", "run_restarted")]
        assert (bool(ends) and ends[-1] in ENDINGS) == (info["finished_at"] is not None)
        await self.engine.frames(run_id)
        assert {r["id"] for r in (await self.engine.list(limit=1000)).items} >= set(self.programs)
        assert without_ownership(self.world.rows.rows()) == without_ownership(before), "G9: looking has written"

    async def plan(self) -> None:
        """Make or change a schedule."""
        schedule_id, pick = self.pick.choice(["hourly", "nightly"]), self.pick
        handle = self.engine.get_schedule(schedule_id)
        options: Any = {
            "every": pick.choice([2, 3, 7]), "overlap": pick.choice(["skip", "queue", "cancel_running", "allow"]),
            "jitter": pick.choice([0, 1]), "catch_up": pick.choice([0, 60]), "limit": pick.choice([None, 3]),
        }  # fmt: skip
        verb = pick.choice(["make", "make", "pause", "resume", "trigger", "update", "delete"])
        if verb in ("pause", "resume", "update"):
            self.unaccountable.add(schedule_id)
        doing: dict[str, Any] = {
            "make": lambda: self.engine.schedule(program, self.author.write(1), id=schedule_id, **options),
            "update": lambda: handle.update(**options),
        }
        try:
            await doing.get(verb, lambda: getattr(handle, verb)())()
        except (ScheduleExistsError, ScheduleNotFoundError):
            return
        if verb == "delete":
            self.unaccountable.discard(schedule_id)

    async def account(self) -> None:
        """Audit 30: each time of a schedule has become a run, or is told to be missed, skipped, failed or queued."""
        for item in (await self.engine.list_schedules()).items:
            if item["id"] not in self.unaccountable and item["next_at"] is not None:
                times = (item["next_at"] - item["created_at"]) // item["every_ms"] - 1
                told = [item[name] for name in ("fires", "missed", "skipped", "failed")]
                assert sum(told) + len(item["queued"]) == times, f"{item['id']} lost a time: {item}"
            await self.engine.delete_schedule(item["id"])

    async def advance(self) -> None:
        await self.engine.advance_time(self.pick.choice([0, 0.3, 1, 4, 12]))

    async def answer(self) -> None:
        """Somebody has a token, and says something; perhaps not for the first time."""
        if not self.world.tokens:
            return
        token, run_id, step = self.pick.choice(self.world.tokens[-6:])
        how = self.pick.random()
        try:
            if how < 0.6:
                await self.engine.complete_async_activity(token, "answered")
                await self.engine.complete_async_activity(token, "answered")
            elif how < 0.8:
                self.world.failures[run_id, step] += 1
                await self.engine.fail_async_activity(token, "not now")
            else:
                await self.engine.heartbeat_async_activity(token, how)
        except (CompletionTokenNotFoundError, CompletionTokenUsedError):
            pass

    async def resume(self) -> None:
        if (run_id := self._any_run()) is not None:
            try:
                await self.engine.resume(run_id)
            except RunFinishedError:
                pass

    async def fork(self) -> None:
        if (run_id := self._any_run()) is None:
            return
        steps = [None, *[item["step"] for item in await self.engine.checkpoints(run_id)]]
        try:
            fork = await self.engine.fork(run_id, at=self.pick.choice(steps))
        except (CheckpointNotFoundError, EditError):  # it has finished, and retained none; or its body is over
            return
        self.programs[fork.id] = self.programs[run_id]
        self.world.tokens_repeat = True

    async def rewind(self) -> None:
        if (run_id := self._any_run()) is None:
            return
        try:
            if self.pick.random() < 0.8:
                await self.engine.suspend(run_id)
            steps = [item["step"] for item in await self.engine.checkpoints(run_id)]
            if steps:
                self.world.tokens_repeat = True
                await self.engine.rewind(run_id, self.pick.choice(steps))
            if self.pick.random() < 0.8:
                await self.engine.resume(run_id)
        except (RunFinishedError, RunNotParkedError, CheckpointNotFoundError, EditError):
            pass

    # -- what happens to them

    async def suspend(self) -> None:
        if (run_id := self._any_run()) is not None:
            try:
                await self.engine.suspend(run_id)
            except RunFinishedError:
                pass

    async def terminate(self) -> None:
        if (run_id := self._any_run()) is not None:
            try:
                await self.engine.terminate(run_id)
            except RunFinishedError:
                pass

    async def crash_soon(self) -> None:
        self.crashing.crash_in(self.pick.randint(1, 6), self.pick.choice(["before", "after"]))

    async def crash_now(self) -> None:
        self.accidents += 1
        await self.engine.crash()
        await self.open()

    async def trouble(self) -> None:
        kinds = ["unavailable", "quota", "unknown-committed", "unknown-lost"]
        self.failing.fail_next_writes(self.pick.choice([1, 3, 100]), self.pick.choice(kinds))

    async def reopen(self) -> None:
        await self.engine.close()
        self.accidents += 1  # attempts in flight are cut off
        await self.open()

    async def overtake(self) -> None:
        """Another engine opens the store while this one still believes to own it, and is used for a while."""
        old = self.engine
        self.accidents += 1
        self.overtaken += 1
        self.world.tokens_repeat = True
        await self.open()
        self.check()
        for _ in range(3):
            if old.status == "open" and (run_id := self._any_run()) is not None:
                try:
                    await old.signal(run_id, SIGNALS[0], [SIGNALS[0], 0])
                except (RunFinishedError, EngineFencedError, StorageError, EngineDegradedError, SimulatedCrash):
                    pass
        await old.crash()

    async def act(self) -> None:
        looks = [self.look, self.cancel, self.resume, self.purge, self.annotate, self.plan, self.bulk]
        looks += [self.fork, self.rewind, self.suspend, self.resume, self.terminate]
        users = [self.start, self.signal, self.advance, self.answer, self.update] * 3 + looks
        fate = [self.crash_soon, self.crash_now, self.trouble, self.reopen, self.overtake]
        action = self.pick.choice(users if self.pick.random() < 0.8 else fate)
        try:
            await action()
            if self.pick.random() < 0.7:
                await self.engine.settle()
        except (SimulatedCrash, EngineDegradedError, StorageError):
            pass
        if self.engine.status != "open":
            self.accidents += 1
            await self.engine.crash()
            self.check()
            await self.open()

    async def run(self) -> None:
        await self.open()
        for _ in range(self.pick.randint(20, 60)):
            await self.act()
            self.check()
        await self.finish()

    async def finish(self) -> None:
        """All accidents end. Everything that is left is cancelled and must come to its end."""
        await self.engine.crash()
        self.accidents += 1
        await self.open()
        self.failing._from = None
        await self.engine.advance_time(3)
        await self.account()
        for run_id, header in self.check().runs.items():
            assert header["status"] not in ("dead", "held"), header["error"]
        for _ in range(20):
            for run_id, header in self.check().runs.items():
                assert header["status"] not in ("dead", "held"), header["error"]
                if header["status"] == "needs_attention" or (
                    header["status"] == "suspended" and header["cancel_requested"]
                ):
                    await self.engine.resume(run_id)
                elif header["status"] not in FINISHED and not header["cancel_requested"]:
                    try:
                        await self.engine.cancel(run_id)
                    except RunFinishedError:  # by the cancel of its parent
                        pass
                await self.engine.settle()
                self.check()
            for seconds in (5, 10, 45):  # what has ended is seen before it is purged
                await self.engine.advance_time(seconds)
                self.check()
        await self.recover_twice()
        view = self.check()
        for run_id, header in view.runs.items():
            assert header["status"] in FINISHED, (run_id, header["status"])
            await self._judge(view, run_id, header)
        for (run_id, step, name), times in self.world.effects.items():
            allowed = 1 + self.accidents + self.world.failures[run_id, step]
            assert times <= allowed, f"G4: {name} of {run_id} ran {times} times in {self.accidents} accidents"
        # An engine that was overtaken may still be at it when the new one asks.
        doubled = {key: times for key, times in self.world.ledger.items() if times > 1 + self.overtaken}
        assert not doubled, f"G5: what verify could see was done again: {doubled}"
        await self.engine.close()

    async def _judge(self, view: View, run_id: str, header: dict[str, Any]) -> None:
        if header["status"] == "completed":
            node = await self.engine.query(run_id, "node")
            result = await self.engine.get_handle(run_id).result()
            assert fits(node, result), f"{node} gave {result}"
        if view.events[run_id][0][0] > 1 or header["status"] == "terminated":
            return  # its first events are gone; or none of its code was to run
        life = since(view.events[run_id], *PLACED)
        entered = {data["message"] for _, kind, data in life if kind == "logged"}
        if header["status"] not in ("cancelled", "timed_out"):
            entered = {name for name in entered if not name.endswith("~cancel")}
        begun = {data["name"] for _, kind, data in view.events[run_id] if kind == "activity_scheduled"}
        assert entered <= begun, f"G13: the finally blocks {entered - begun} of {run_id} never ran"

    async def recover_twice(self) -> None:
        """10 recover(recover(S)) = recover(S)."""
        seen = []
        for _ in range(2):
            await self.engine.crash()
            await self.open()
            seen.append(without_ownership(self.world.rows.rows()))
        assert seen[0] == seen[1], "10: a second recovery changed something"


def test_the_invariants_hold_whatever_happens() -> None:
    first = int(SEED) if SEED is not None else time.time_ns() % 1_000_000_000
    rounds = 1 if SEED is not None else ROUNDS
    logging.getLogger("weft").setLevel(logging.CRITICAL)
    for seed in range(first, first + rounds):
        try:
            asyncio.run(asyncio.wait_for(Round(seed).run(), 60))
        except BaseException:
            print(f"\nWEFT_SIM_SEED={seed}")
            raise
    logging.getLogger("weft").setLevel(logging.NOTSET)

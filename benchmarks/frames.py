"""What a checkpoint costs by itself: snapshot and restore of one frame, and awaiting in durable code.

The frame stands in the engine's own setting: a root as the engine builds it, a pending operation, one external.
"""

from __future__ import annotations

import gc
import linecache
import time
import types
from collections.abc import Callable
from typing import Any

from benchmarks.report import Figure, at_most
from weft_core import codec, frames
from weft_core.model.operations import RunActivity
from weft_core.workflow import durable_types  # noqa: F401  (registers the engine's operations)

TARGETS = {5: (15.0, 20.0), 20: (25.0, 35.0), 100: (80.0, 110.0)}
"""Locals -> microseconds for (snapshot, restore) on the reference machine."""
VALUES = ("{i}", "'text{i}'", "{i}.5", "[{i}, {i}]", "{{'k': {i}}}")
AWAITS = 5_000


def best(work: Callable[[], Any], calls: int, rounds: int = 60) -> float:
    """Microseconds of the fastest round, per call."""
    gc.disable()
    times = []
    for _ in range(rounds):
        start = time.thread_time()
        for _ in range(calls):
            work()
        times.append((time.thread_time() - start) / calls)
    gc.enable()
    return min(times) * 1e6


def define(name: str, text: str, decorator: Callable[[Any], Any]) -> Any:
    """The function ``wf`` of a module made from text."""
    filename = f"<benchmark {name}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    module = types.ModuleType(f"benchmark_{name}")
    module.__dict__.update(durable=decorator)
    exec(compile(text, filename, "exec"), module.__dict__)
    return module.wf


def many_locals(count: int) -> str:
    lines = [f"    v{i} = " + VALUES[i % 5].format(i=i) for i in range(count)]
    kept = ", ".join(f"v{i}" for i in range(count))
    return "\n".join(["@durable", "async def wf(ctx):", *lines, "    await ctx('pay')", f"    return ctx, {kept}", ""])


def snapshots() -> list[Figure]:
    out = []
    for count, (write_us, read_us) in TARGETS.items():
        wf = define(f"locals{count}", many_locals(count), frames.durable)

        def ctx(name: str) -> RunActivity:
            return RunActivity(name, ({"order": "o-1", "amount": 12},))

        externals = codec.Externals({"ctx": ctx})
        frame = wf(ctx)
        op = frame.send(None)
        root = [[[0, None, 3, None, op, frame]], {}]
        data = frames.snapshot(root, externals)
        calls = 400 // (1 + count // 20)
        write = best(lambda: frames.snapshot(root, externals), calls)  # noqa: B023
        read = best(lambda: frames.restore(data, externals), calls)  # noqa: B023
        out.append(Figure(f"bytes of a frame with {count} locals", f"{len(data)} B"))
        out.append(at_most(f"snapshot of a frame with {count} locals", write, write_us, "us"))
        out.append(at_most(f"restore of a frame with {count} locals", read, read_us, "us"))
    return out


class Leaf:
    """The cheapest thing to wait for."""

    __slots__ = ("asked",)

    def __init__(self) -> None:
        self.asked = False

    def __await__(self) -> Leaf:
        return self

    def __iter__(self) -> Leaf:
        return self

    def __next__(self) -> Any:
        if self.asked:
            raise StopIteration(1)
        self.asked = True
        return self


LOOP = """
@durable
async def wf(op, n):
    total = 0
    for i in range(n):
        total += await op()
    return total
"""


def drive(frame: Any) -> Any:
    try:
        while True:
            frame.send(None)
    except StopIteration as done:
        return done.value


def awaiting() -> list[Figure]:
    plain = define("plain", LOOP, lambda f: f)
    live = define("live", LOOP, frames.durable)
    slow = best(lambda: drive(plain(Leaf, AWAITS)), 1) / AWAITS
    fast = best(lambda: drive(live(Leaf, AWAITS)), 1) / AWAITS
    return [
        Figure("one await in a plain coroutine / in a durable one", f"{slow * 1e3:.0f} / {fast * 1e3:.0f} ns"),
        at_most("await in durable code / plain", fast / slow, 1.1),
    ]


def figures() -> list[Figure]:
    return snapshots() + awaiting()


if __name__ == "__main__":
    for figure in figures():
        print(figure)

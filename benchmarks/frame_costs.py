"""The costs of durable frames, measured in whatever Python this is imported in: CPython here, Pyodide in node.

Nothing of an operating system is used but a clock. The frame of a snapshot stands in the engine's own setting: a root
as the engine builds it, a pending operation, one external.
"""

from __future__ import annotations

import gc
import itertools
import json
import platform
import sys
import time
from collections.abc import Callable
from typing import Any

from weft_core import codec, frames
from weft_core.frames.cache.freeze import compile_module
from weft_core.frames.compile import resume_code
from weft_core.model.operations import RunActivity
from weft_core.workflow import durable_types  # noqa: F401  (registers the engine's operations)

LOCALS = (5, 20, 100)
STATEMENTS = (5, 20, 100)
AWAITS = 500
ROUNDS = 60
VALUES = ("{i}", "'text{i}'", "{i}.5", "[{i}, {i}]", "{{'k': {i}}}")
_names = itertools.count()


def _clock() -> Callable[[], float]:
    """CPU time of this thread, so that a busy machine counts less, if its steps are fine enough; else the time."""
    thread_time = getattr(time, "thread_time", time.perf_counter)
    began, ticks = time.perf_counter(), set()
    while time.perf_counter() - began < 0.001:
        ticks.add(thread_time())
    return thread_time if len(ticks) > 20 else time.perf_counter


CLOCK = _clock()


def measure(rounds: int = ROUNDS) -> dict[str, float]:
    """Every cost: microseconds, bytes (names that end with them) or a ratio. The fastest of ``rounds`` counts."""
    return {**awaiting(3 * rounds), **checkpoints(rounds), **transforms(rounds // 3 or 1)}


def best(rounds: int, *works: Callable[[], Any], calls: int = 1) -> list[float]:
    """Microseconds a call of each work in its fastest round. The works take turns: a busy machine meets all."""
    fastest = [float("inf")] * len(works)
    gc.collect()
    gc.disable()
    for _ in range(rounds):
        for i, work in enumerate(works):
            start = CLOCK()
            for _ in range(calls):
                work()
            fastest[i] = min(fastest[i], CLOCK() - start)
    gc.enable()
    return [1e6 * seconds / calls for seconds in fastest]


def define(text: str, **names: Any) -> Any:
    """The function ``wf`` of a module made from text, with these names in it; never the same module twice."""
    module = frames.load_source(f"benchmark_{next(_names)}", text)
    module.__dict__.update(names)
    return module.wf


# ------------------------------------------------------------------ awaiting


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


def awaiting(rounds: int) -> dict[str, float]:
    """The same loop as a plain coroutine and as a durable one."""
    plain = define(LOOP)
    live = frames.durable(define(LOOP))
    slow, fast = best(rounds, lambda: drive(plain(Leaf, AWAITS)), lambda: drive(live(Leaf, AWAITS)))
    return {"await plain": slow / AWAITS, "await durable": fast / AWAITS, "await ratio": fast / slow}


# ------------------------------------------------------------------ checkpoints


def many_locals(count: int) -> str:
    lines = [f"    v{i} = " + VALUES[i % 5].format(i=i) for i in range(count)]
    kept = ", ".join(f"v{i}" for i in range(count))
    return "\n".join(["async def wf(ctx):", *lines, "    await ctx('pay')", f"    return ctx, {kept}", ""])


def checkpoints(rounds: int) -> dict[str, float]:
    """A frame that waits, to bytes and back."""
    out: dict[str, float] = {}
    for count in LOCALS:

        def ctx(name: str) -> RunActivity:
            return RunActivity(name, ({"order": "o-1", "amount": 12},))

        externals = codec.Externals({"ctx": ctx})
        frame = frames.durable(define(many_locals(count)))(ctx)
        op = frame.send(None)
        root = [[[0, None, 3, None, op, frame]], {}]
        data = frames.snapshot(root, externals)
        write = lambda root=root, known=externals: frames.snapshot(root, known)  # noqa: E731
        read = lambda data=data, known=externals: frames.restore(data, known)  # noqa: E731
        for name, work in (("snapshot", write), ("restore", read)):
            [out[f"{name} {count}"]] = best(rounds, work, calls=400 // (1 + count // 20))
        out[f"snapshot {count} bytes"] = len(data)
    return out


# ------------------------------------------------------------------ transforming

BLOCK = """
    items{i} = [total, {i}]
    for x in items{i}:
        total += await ctx(x)
    if total > {i}:
        total -= 1
"""


def later(fn: Any) -> Any:
    """Stands where ``@durable`` would, which the benchmark calls itself. The cache holds decorated functions only."""
    return fn


def many_statements(count: int) -> str:
    """A function with ``count`` statements, an ``await`` in each fifth, in a loop."""
    head = "from benchmarks.frame_costs import later\n\n@later\nasync def wf(ctx, total):"
    return head + "".join(BLOCK.format(i=i) for i in range(count // 5))


def transforms(rounds: int) -> dict[str, float]:
    """What ``@durable`` costs where the function is defined, and its resume variant where a checkpoint first needs it.

    Each round has a module of its own with nothing else in it; ``cached``: with what ``weft compile`` made of it.
    """
    out: dict[str, float] = {}
    for count in STATEMENTS:
        text = many_statements(count)
        compiled = compile_module(text, "benchmark.py").to_bytes()
        fresh, resume, cached, plain = [], [], [], []
        for _ in range(rounds):
            fn = define(text)
            root, took = timed(lambda fn=fn: frames.durable(fn).__durable__)
            fresh.append(took)
            resume.append(timed(lambda plan=root.plan: resume_code(plan))[1])
            fn = frames.load_source(f"benchmark_{next(_names)}", text, compiled=compiled).wf
            root, took = timed(lambda fn=fn: frames.durable(fn).__durable__)
            assert root.plan.stored_resume is not None, "the cache was not used"
            cached.append(took)
            plain.append(timed(lambda text=text: compile(text, "benchmark.py", "exec"))[1])
        for name, times in (("transform", fresh), ("resume", resume), ("cached", cached), ("plain", plain)):
            out[f"{name} {count}"] = min(times)
    return out


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What ``work`` gives, and the microseconds it took."""
    gc.disable()
    start = CLOCK()
    result = work()
    took = CLOCK() - start
    gc.enable()
    return result, 1e6 * took


# ------------------------------------------------------------------ for another process


def python() -> str:
    """Which Python this is."""
    name = "Pyodide" if sys.platform == "emscripten" else platform.python_implementation()
    return f"{name} {platform.python_version()}"


def handle(line: str) -> str:
    """The answer to one request, as of ``tests/frames/differential/worker.py``."""
    asked = json.loads(line)
    return json.dumps(python() if asked["do"] == "hello" else measure(asked["rounds"]))

"""One execution of a program: what it does, what can be seen of it, and how it goes on after a crash."""

from __future__ import annotations

import gc
import re
from dataclasses import dataclass, field

from tests.frames.differential.canonical import aliases, canon, exception_text
from tests.frames.toy_engine import Ctx, Workflow
from weft_core.errors import WeftError
from weft_core.frames.live import FRAME_TYPES, parts, read_locals

MAX_STEPS = 150
"""The program ran long enough then; the reference stops at the same place."""
# variables of comprehensions, which are locals of the function in some versions
_INNER = re.compile(r"\..*|[vwqfy]\d+_")


class Mismatch(Exception):
    """A durable run differs from the reference."""


@dataclass
class Outcome:
    """All that can be compared of an execution. ``locals`` are those of each suspension."""

    result: str = ""
    trace: list[str] = field(default_factory=list)
    suspensions: int = 0
    sizes: list[int] = field(default_factory=list)


@dataclass
class Moment:
    """A suspension as it could be stored: the checkpoint, and what is the host's."""

    at: int
    data: bytes
    carried: tuple


def leaf_operations(trace):
    """Does operations: results depend on their names and arguments only, some fail."""

    def do(op):
        trace.append(f"op {op.kind} {op.name} {canon(op.args) if op.kind != 'gather' else ''}")
        if sum(x.startswith("op ") for x in trace) > MAX_STEPS:
            raise BufferError("long enough")  # a builtin: the program may wait in a `finally` while it is on its way
        return [one(o) for o in op.args[0]] if op.kind == "all" else one(op)

    def one(op):
        first = op.args[0] if op.args else 0
        h = (sum(map(ord, op.name)) * 7 + (first if isinstance(first, int) else 3) * 13) % 11
        if op.name == "fail" and h % 3 == 0:
            raise ValueError("op failed", h)
        return h - 2

    return do


def stack(o):
    """(code, frame) of a coroutine and of all that it awaits, outermost first."""
    while o is not None:
        if type(o) in FRAME_TYPES:
            code, frame, awaited, _, _ = parts(o)
            if frame is None:
                return
            yield code, frame
            o = awaited
        elif type(o).__name__ in ("async_generator_asend", "async_generator_athrow", "coroutine_wrapper"):
            o = next((x for x in gc.get_referents(o) if type(x) in FRAME_TYPES), None)
        else:
            return


def author_locals(w):
    """The author's variables in each frame of the run's root: ``[(function, {name: text}, aliases)]``."""
    out = []
    for code, frame in stack(w.root.coro):
        if code.co_filename.startswith("/differential/") and not code.co_name.startswith("<"):
            mine = {k: v for k, v in read_locals(frame).items() if not _INNER.fullmatch(k)}
            out.append((code.co_name, {k: canon(v) for k, v in mine.items()}, aliases(mine)))
    return out


def begin(world):
    """A new run of the world's program."""
    world.enter()
    world.reset()
    return Workflow.start(Ctx(), world.module.wf)


def moment(w, world, at):
    """The run's checkpoint here. Nothing of the program runs for it."""
    return Moment(at, w.snapshot(), world.carried())


def forget_run(w, world):
    """Evict the run; none of the program's code may run."""
    before = list(world.trace)
    w.evict()
    if world.trace != before:
        raise Mismatch(f"eviction ran the program's code: {world.trace[len(before) :]}")


def resume(m, world):
    """The run of a checkpoint, in this world; none of the program's code may run."""
    world.enter()
    world.carry(m.carried)
    w = Workflow.restore(m.data, Ctx())
    if world.trace != m.carried[2]:
        raise Mismatch(f"restoring ran the program's code: {world.trace[len(m.carried[2]) :]}")
    return w


def finish(w, world, out, watch=None, stop=None):
    """Step to the end, or to suspension ``stop``. ``watch(i, w)`` is called at every suspension."""
    do = leaf_operations(world.trace)
    while not w.done and out.suspensions != stop:
        if watch is not None:
            watch(out.suspensions, w)
        out.suspensions += 1
        w.step(do)
    if w.done:
        out.result, out.trace = outcome(w), list(world.trace)
    return out


def outcome(w):
    """How a run ended, as text. Errors of Weft itself are raised."""
    if w.root.state != "failed":
        return "returned " + canon(w.root.result)
    if isinstance(w.root.result, WeftError):
        raise w.root.result
    return "raised " + exception_text(w.root.result)

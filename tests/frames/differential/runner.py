"""Runs one program in several ways and compares everything that can be seen of it.

The reference is the author's function without ``@durable``. Compared with it are the durable function running straight
through, with a crash at every suspension point, at every second one, and at single ones: the outcome (value or
exception with its whole chain), the trace of side effects in order, and the locals at every suspension point.
"""

from __future__ import annotations

import contextlib
import gc
import linecache
import random
import sys
import types
from collections import Counter
from dataclasses import dataclass, field

from tests.frames.differential.canonical import canon, exception_text
from tests.frames.differential.generator import Generator
from tests.frames.toy_engine import Ctx, Workflow
from weft_core.codec import allow_module
from weft_core.codec.encoder import LATE, LOWERINGS
from weft_core.codec.names import _ALLOWED, _imported
from weft_core.codec.registry import REGISTERED_NAMES, REGISTERED_TYPES
from weft_core.errors import SnapshotError, TransformError, WeftError
from weft_core.frames import REGISTRY, durable, source
from weft_core.frames.durable import _roots
from weft_core.frames.live import parts, read_locals
from weft_core.frames.plan import CODES
from weft_core.frames.restore import _known
from weft_core.frames.sites import SITES

MAX_STEPS = 250


class Mismatch(Exception):
    """A durable run differs from the reference."""


class TooManySteps(Exception):
    """The program ran long enough; the reference stops at the same place."""


@dataclass
class Outcome:
    result: str
    trace: list[str]
    suspensions: int
    locals: list[dict[str, str]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)


def load(name, text, decorator):
    """The program as a module, and the list that its trace goes to."""
    module = types.ModuleType(name)
    filename = f"/differential/{name}.py"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    sys.modules[name] = module
    allow_module(name)
    trace = []

    def T(x):
        trace.append(canon(x))
        return x

    T.__module__, T.__qualname__ = name, "T"
    module.__dict__.update(T=T, durable=decorator)
    exec(compile(text, filename, "exec", dont_inherit=True), module.__dict__)
    return module, trace


def forget(name):
    """Drop everything that is kept of a loaded program."""
    filename = f"/differential/{name}.py"
    sys.modules.pop(name, None)
    _ALLOWED.discard(name)
    linecache.cache.pop(filename, None)
    source._files.pop(filename, None)
    for table, belongs in (
        (_roots, lambda k, v: k[0] == filename),
        (REGISTRY, lambda k, v: k.startswith(name + ":")),
        (CODES, lambda k, v: v[0].co_filename == filename),
        (SITES, lambda k, v: v.plan.root.filename == filename),
        (_known, lambda k, v: v.plan.root.filename == filename),
        (_imported, lambda k, v: v.__module__ == name),
        (LOWERINGS, lambda k, v: k.__module__ == name),
        (LATE, lambda k, v: k.__module__ == name),
        (REGISTERED_NAMES, lambda k, v: v.cls.__module__ == name),
        (REGISTERED_TYPES, lambda k, v: k.__module__ == name),
    ):
        for key in [k for k, v in table.items() if belongs(k, v)]:
            del table[key]


def leaf_operations(trace):
    """Does operations: results depend on their names and arguments only, some fail."""
    count = 0

    def do(op):
        nonlocal count
        count += 1
        trace.append(f"op {op.kind} {op.name} {canon(op.args) if op.kind != 'gather' else ''}")
        if count > MAX_STEPS:
            raise TooManySteps
        return [one(o) for o in op.args[0]] if op.kind == "all" else one(op)

    def one(op):
        first = op.args[0] if op.args else 0
        h = (sum(map(ord, op.name)) * 7 + (first if isinstance(first, int) else 3) * 13) % 11
        if op.name == "fail" and h % 3 == 0:
            raise ValueError("op failed", h)
        return h - 2

    return do


def author_locals(w):
    """The author's variables of the run's outermost frame, as text."""
    if w.root.coro is None:
        return {}
    variables = read_locals(parts(w.root.coro)[1])
    # v1, v2 ... are comprehension variables, which are locals of the function in some versions
    mine = {k: v for k, v in variables.items() if not k.startswith(".") and not (k[0] == "v" and k[1:].isdigit())}
    return {k: canon(v) for k, v in mine.items()}


def execute(module, trace, crash=lambda i: False, watch=None):
    """Run ``module.wf`` to its end. ``watch(i, restored, locals)`` is called at every suspension."""
    trace.clear()
    module.G0, module.G2 = 3, 1
    module.G1[:] = [7]
    ctx = Ctx()
    do = leaf_operations(trace)
    out = Outcome("", [], 0)
    w = Workflow.start(ctx, module.wf)
    while not w.done:
        i = out.suspensions
        if watch is not None:
            watch(i, False, author_locals(w))
        if crash(i):
            before = list(trace)
            data = w.snapshot()
            w.evict()
            if trace != before:
                raise Mismatch(f"eviction ran the program's code: {trace[len(before) :]}")
            w = Workflow.restore(data, ctx)
            if trace != before:
                raise Mismatch(f"restoring ran the program's code: {trace[len(before) :]}")
            if watch is not None:
                watch(i, True, author_locals(w))
            out.sizes.append(len(data))
        out.suspensions += 1
        w.step(do)
    if w.root.state == "failed":
        if isinstance(w.root.result, WeftError):
            raise w.root.result
        out.result = "raised " + exception_text(w.root.result)
    else:
        out.result = "returned " + canon(w.root.result)
    out.trace = list(trace)
    return out


class Comparison:
    """One program against its reference."""

    def __init__(self, name, text, counts, careful=False):
        self.counts, self.careful = counts, careful
        self.locals = []  # of the reference, at each suspension
        original, trace = load(name + "_original", text, lambda f: f)
        self.reference = self.execute(original, trace, watch=lambda i, r, v: self.locals.append(v))
        self.module, self.trace = load(name + "_durable", text, durable)

    def execute(self, *args, **kwargs):
        if self.careful:
            gc.collect()
        return execute(*args, **kwargs)

    def straight(self):
        self._compare(self.execute(self.module, self.trace, watch=self._same_locals), "straight through")

    def crashing(self, crash, what, watch=None):
        out = self.execute(self.module, self.trace, crash, watch)
        self.counts["restores"] += len(out.sizes)
        self.counts["bytes"] += sum(out.sizes)
        self._compare(out, what)

    def crashing_everywhere(self):
        self.crashing(lambda i: True, "crash at every suspension", self._locals_that_are_there)

    def _same_locals(self, i, restored, found):
        want = self._wanted(i)
        if want != found:
            names = [k for k in want.keys() | found.keys() if want.get(k) != found.get(k)]
            self._locals_differ(i, "live", names, want, found)

    def _locals_that_are_there(self, i, restored, found):
        # dead variables are not restored
        want = self._wanted(i)
        names = [k for k in found if want.get(k) != found[k]]
        if names:
            self._locals_differ(i, "restored", names, want, found)

    def _wanted(self, i):
        if i >= len(self.locals):
            raise Mismatch("more suspensions than the original; " + difference(self.reference.trace, self.trace))
        return self.locals[i]

    def _locals_differ(self, i, how, names, want, found):
        pairs = [(k, want.get(k), found.get(k)) for k in sorted(names)]
        raise Mismatch(f"locals differ at suspension {i} ({how}): {pairs}")

    def _compare(self, out, what):
        ref = self.reference
        if out.result != ref.result:
            raise Mismatch(f"{what}: {difference(ref.trace, out.trace)}\n   {ref.result}\n   {out.result}")
        if out.trace != ref.trace:
            if _without_finalisers(out.trace) == _without_finalisers(ref.trace):
                # a generator in a reference cycle is finalised when the collector runs
                self.counts["finaliser timing"] += 1
                return
            raise Mismatch(f"{what}: {difference(ref.trace, out.trace)}")


def _without_finalisers(trace):
    return [x for x in trace if "gen end" not in x]


def difference(a, b):
    for i, (x, y) in enumerate(zip(a, b)):
        if x != y:
            return f"traces differ at {i}:\n   {x}\n   {y}\n after {a[max(0, i - 3) : i]}"
    return f"trace lengths {len(a)} {len(b)}: {a[len(b) :][:3]} / {b[len(a) :][:3]}"


def program(seed):
    """The program of a seed. Two of five are generator functions driven by ``yield``."""
    r = random.Random(seed * 31 + 7)
    size, depth = r.choice([4, 8, 15, 30, 50]), r.choice([2, 3, 4, 5])
    return Generator(seed, size, depth, ("async", "async", "async", "yield", "from")[seed % 5]).program()


def check(seed, counts, singles=12):
    """Compare the program of ``seed``. Raises Mismatch. ``counts`` is a Counter of what was run."""
    found = Counter()
    try:
        _check(seed, found, singles, careful=False)
    except Mismatch:
        found = None
    if found is None:
        # garbage of an earlier run may have printed into a later one's trace: try again on clean ground
        found = Counter({"finaliser timing": 1})
        _check(seed, found, singles, careful=True)
    counts.update(found)


def _check(seed, counts, singles, careful):
    name, text = f"differential_{seed}", program(seed)
    try:
        with refusals(counts):
            c = Comparison(name, text, counts, careful)
            c.straight()
            c.crashing_everywhere()
            n = c.reference.suspensions
            order = list(range(n))
            random.Random(seed).shuffle(order)
            for k in order[:singles]:
                c.crashing(lambda i: i == k, f"crash at {k}")
            if n > 1:
                c.crashing(lambda i: i % 2 == 0, "crash at even suspensions")
            counts["programs"] += 1
            counts["suspensions"] += n
    finally:
        forget(name + "_original")
        forget(name + "_durable")


@contextlib.contextmanager
def refusals(counts):
    """What Weft refuses clearly, and what Python itself refuses, is counted and is no failure."""
    try:
        yield
    except TransformError as e:
        if e.facts.get("reason") != "nested-too-deeply":
            raise
        counts["nested too deeply"] += 1
    except SyntaxError as e:
        if "_durable" in str(e.filename):
            raise
        counts["not valid Python"] += 1
    except SnapshotError as e:
        if "has changed its size" not in str(e):
            raise
        counts["hidden dict iterators"] += 1


def run(seeds, singles=12):
    """Check many programs. Returns (counts, {seed: what differed})."""
    counts: Counter[str] = Counter()
    failures: dict[int, str] = {}
    for n, seed in enumerate(seeds):
        try:
            check(seed, counts, singles)
        except Exception as e:
            failures[seed] = f"{type(e).__name__}: {e}"
        if n % 50 == 49:
            gc.collect()
    return counts, failures

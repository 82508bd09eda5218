"""Compares one program, run in many ways, with itself.

The reference is the author's function without ``@durable``. Compared with it are the durable function running straight
through, crashing at every suspension point, at each single one, and at pairs of them; after a crash the run goes on in
another world (see ``worlds``). Compared are the outcome (value or exception with its whole chain), the trace of side
effects in order, and the variables of all frames at every suspension point, aliases included.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import random
from collections import Counter

from tests.frames.differential.canonical import of_variables
from tests.frames.differential.corpus import corpus
from tests.frames.differential.coverage import Places
from tests.frames.differential.execution import (
    Mismatch,
    Outcome,
    author_locals,
    begin,
    finish,
    forget_run,
    moment,
    resume,
    stack,
)
from tests.frames.differential.generator import program
from tests.frames.differential.worlds import World, forget
from weft_core.errors import NotSerializableError, SnapshotError, TransformError

# values that programs make and Weft refuses: what an ordinary function or lambda of the author's made in its own body
REFUSED = frozenset({"builtins.function", "builtins.generator"})
SINGLES, PAIRS = 12, 6  # crash points tried alone and in pairs, of each program


class Comparison:
    """One program against its reference."""

    def __init__(self, name, text, counts, careful=False):
        self.counts, self.careful = counts, careful
        self.locals = []  # of the reference, at each suspension
        places = Places(text)

        def watch(i, w):
            self.locals.append(author_locals(w))
            places.count(counts, [w.root, *w.waiting])
            for kind in {type(v).__name__ for _, frame in stack(w.root.coro) for v in frame.f_locals.values()}:
                counts["local " + kind] += 1

        original = World(name + "_original", text, lambda f: f, lambda c: c)
        self.reference = finish(begin(original), original, Outcome(), watch)
        self.worlds = [World(name + "_durable", text), World(name + "_durable", text)]
        self.moments = []

    # -- the ways to run it

    def straight(self):
        """Without a crash. A checkpoint is taken at every suspension, and must not be felt."""

        def watch(i, w):
            self._same_locals(i, w)
            self.moments.append(moment(w, self.worlds[0], i))

        self._compare(finish(self._begin(), self.worlds[0], Outcome(), watch), "straight through")

    def everywhere(self):
        """A crash at every suspension, each time into the other world."""
        turns = itertools.cycle(self.worlds)
        world = next(turns)
        w, out = self._begin(), Outcome()
        while not w.done:
            m = moment(w, world, out.suspensions)
            forget_run(w, world)
            world = next(turns)
            w = self._resume(m, world)
            self._locals_that_are_there(out.suspensions, w)
            finish(w, world, out, stop=out.suspensions + 1)
        if not out.result:
            finish(w, world, out)  # it never suspended
        self._compare(out, "crash at every suspension")

    def alone(self, k):
        """A crash at suspension ``k`` and no other."""
        world = self.worlds[1]
        self._compare(finish(self._resume(self.moments[k], world), world, Outcome(suspensions=k)), f"crash at {k}")

    def pair(self, j, k):
        """A crash at suspension ``j``, and again at ``k``."""
        there, back = self.worlds[1], self.worlds[0]
        out = Outcome(suspensions=j)
        w = self._resume(self.moments[j], there)
        finish(w, there, out, stop=k)
        if w.done:
            raise Mismatch(f"crash at {j} and {k}: ended before {k}")
        m = moment(w, there, k)
        forget_run(w, there)
        self._compare(finish(self._resume(m, back), back, out), f"crash at {j} and {k}")

    def _begin(self):
        if self.careful:
            gc.collect()
        return begin(self.worlds[0])

    def _resume(self, m, world):
        if self.careful:
            gc.collect()
        self.counts["restores"] += 1
        self.counts["bytes"] += len(m.data)
        return resume(m, world)

    # -- comparing

    def _same_locals(self, i, w):
        want, found = self._wanted(i), author_locals(w)
        if want != found:
            raise Mismatch(f"locals differ at suspension {i} (live):\n   {_apart(want, found)}")

    def _locals_that_are_there(self, i, w):
        found = author_locals(w)
        want = [
            (name, {k: v for k, v in values.items() if k in there}, of_variables(same, there))  # dead ones are gone
            for (name, values, same), (_, there, _) in zip(self._wanted(i), found)
        ]
        if want != found:
            raise Mismatch(f"locals differ at suspension {i} (restored):\n   {_apart(want, found)}")

    def _wanted(self, i):
        if i >= len(self.locals):
            raise Mismatch(f"more suspensions than the original's {len(self.locals)}")
        return self.locals[i]

    def _compare(self, out, what):
        ref = self.reference
        if out.trace != ref.trace:
            if without_finalisers(out.trace) != without_finalisers(ref.trace):
                raise Mismatch(f"{what}: {difference(ref.trace, out.trace)}")
            # a generator in a reference cycle is finalised when the collector runs
            self.counts["finaliser timing"] += 1
        if out.result != ref.result:
            raise Mismatch(f"{what}:\n   {ref.result}\n   {out.result}")
        if out.suspensions != ref.suspensions:
            raise Mismatch(f"{what}: {out.suspensions} suspensions, the original {ref.suspensions}")


def _apart(want, found):
    if [x[0] for x in want] != [x[0] for x in found]:
        return f"frames {[x[0] for x in want]} / {[x[0] for x in found]}"
    pairs = []
    for (name, a, same), (_, b, same_too) in zip(want, found):
        pairs += [(name, k, a.get(k), b.get(k)) for k in sorted(a.keys() | b.keys()) if a.get(k) != b.get(k)]
        pairs += [(name, "aliases", *sorted(same ^ same_too))] if same != same_too else []
    return "\n   ".join(map(str, pairs))


def without_finalisers(trace):
    """The trace without what a generator prints when it is dropped: a cycle may keep it until the collector runs."""
    return [x for x in trace if "gen end" not in x and "'ng end'" not in x]


def difference(a, b):
    """Where two traces part."""
    for i, (x, y) in enumerate(zip(a, b)):
        if x != y:
            return f"traces differ at {i}:\n   {x}\n   {y}\n after {a[max(0, i - 3) : i]}"
    return f"trace lengths {len(a)} {len(b)}: {a[len(b) :][:3]} / {b[len(a) :][:3]}"


# ------------------------------------------------------------------ many programs


def check(seed, counts, text=None):
    """Compare the program of ``seed``, a number or a name of the corpus, and count what was run. Raises Mismatch."""
    if text is None:
        text = corpus()[seed] if isinstance(seed, str) else program(seed)
    found = Counter()
    try:
        _check(seed, text, found, careful=False)
    except Mismatch:
        found = None
    if found is None:
        # garbage of an earlier run may have printed into a later one's trace: try again on clean ground
        found = Counter({"tried again": 1})
        _check(seed, text, found, careful=True)
    counts.update(found)


def _check(seed, text, counts, careful):
    name = f"differential_{seed}"
    try:
        with refusals(counts):
            c = Comparison(name, text, counts, careful)
            c.straight()
            c.everywhere()
            n, r = len(c.moments), random.Random(seed)
            for k in r.sample(range(n), min(n, SINGLES)):
                c.alone(k)
            for _ in range(min(PAIRS, n - 1)):
                c.pair(*sorted(r.sample(range(n), 2)))
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
        counts["refused: " + str(e.facts.get("reason"))] += 1
    except SyntaxError as e:
        if "_durable" in str(e.filename):
            raise
        counts["not valid Python"] += 1
    except NotSerializableError as e:
        if e.facts.get("type") not in REFUSED:
            raise
        counts["refused value: " + e.facts["type"]] += 1
    except SnapshotError as e:
        if "has changed its size" not in str(e):
            raise
        counts["refused: hidden dict iterator"] += 1


def run(seeds, counts=None):
    """Check many programs. Returns (counts, {seed: what differed})."""
    counts = Counter() if counts is None else counts
    failures: dict[int | str, str] = {}
    for n, seed in enumerate(seeds):
        try:
            check(seed, counts)
        except Exception as e:
            failures[seed] = f"{type(e).__name__}: {e}"
        if n % 50 == 49:
            gc.collect()
    return counts, failures

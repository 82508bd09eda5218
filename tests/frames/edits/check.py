"""Runs a program under one version, crashes it at each suspension point, and goes on under another version."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from tests.frames.edits.edits import edited
from tests.frames.edits.trees import Maker, Program
from tests.frames.helpers import module
from tests.frames.toy_engine import Ctx, Workflow
from weft_core.errors import CodeChangedError
from weft_core.frames import REGISTRY, stack
from weft_core.frames.live import position

MAX_POINTS = 12
MAX_STEPS = 400


class WrongPlace(Exception):
    """A run went on where it should not have."""


def check(seed: int, counts: Counter[str]) -> None:
    """One program, several edits of it. Raises :class:`WrongPlace`."""
    maker = Maker(seed)
    old = maker.program()
    if maker.r.random() < 0.3:
        _capture(maker, old)
    name = f"edits_{seed}"
    snapshots = _snapshots(old, name)
    for _ in range(6):
        new, done = edited(old, maker, maker.r.choice([1, 1, 1, 2, 3]))
        counts["edits"] += 1
        _check_edit(old, new, done, snapshots, name, counts)
    REGISTRY.pop(f"{name}:wf", None)
    REGISTRY.pop(f"{name}:helper", None)


def _capture(maker: Maker, program: Program) -> None:
    from tests.frames.edits.edits import capture

    capture(maker, program)


def echo(op: Any) -> Any:
    return len(op.name) + sum(x for x in op.args if isinstance(x, int))


def _snapshots(program: Program, name: str) -> list[tuple[bytes, list[int], dict[str, str]]]:
    """At each suspension point: the snapshot, the statements that the frames stand at, the workflow's variables."""
    text, origin = program.text()
    w = Workflow.start(Ctx(), module(text, name).wf)
    found: list[tuple[bytes, list[int], dict[str, str]]] = []
    while not w.done and len(found) < MAX_POINTS:
        found.append((w.snapshot(), _place(w, origin), _variables(w)))
        w.step(echo)
    if not w.done:
        w.evict()
    return found


def _frames(w: Workflow) -> list[Any]:
    frames, at = [], w.root.coro
    while at is not None and hasattr(at, "cr_code"):
        frames.append(at)
        at = at.cr_await
    return frames


def _place(w: Workflow, origin: dict[int, int]) -> list[int]:
    """The statements of the program that the frames stand at, outermost first."""
    lines = [view.lineno for view in stack(w.root.coro)]
    return [origin.get(line or 0, 0) for line in lines]


def _variables(w: Workflow) -> dict[str, str]:
    return {k: repr(v) for k, v in stack(w.root.coro)[0].locals.items() if isinstance(v, int)}


def _check_edit(
    old: Program, new: Program, done: list[str], snapshots: list[Any], name: str, counts: Counter[str]
) -> None:
    text, origin = new.text()
    module(text, name)
    for data, places, variables in snapshots:
        try:
            w = Workflow.restore(data, Ctx())
        except CodeChangedError:
            counts["refused"] += 1
            continue
        counts["continued"] += 1
        problem = _problem(w, old, new, places, variables, origin)
        try:
            if problem is None:
                _finish(w)
        except (NameError, SystemError) as error:
            if not _own_fault(error, name):
                problem = f"{type(error).__name__}: {error}"
        except Exception:  # noqa: S110  the program's own
            pass
        if not w.done:
            w.evict()
        if problem is not None:
            raise WrongPlace(f"{done}: {problem}\n--- old\n{old.text()[0][450:]}\n--- new\n{text[450:]}")


def _own_fault(error: Exception, name: str) -> bool:
    """The edit took away a variable that is still used: the program fails by itself."""
    if type(error) is NameError and str(error).endswith("is not defined"):
        return True  # a global: the function does not assign it at all
    w = Workflow.start(Ctx(), sys.modules[name].wf)
    try:
        _finish(w)
    except NameError as own:
        return str(own) == str(error)
    except Exception:
        return False
    finally:
        if not w.done:
            w.evict()
    return False


def _finish(w: Workflow) -> None:
    for _ in range(MAX_STEPS):
        if w.done:
            w.result()
            return
        w.step(echo)


def _problem(
    w: Workflow, old: Program, new: Program, places: list[int], variables: dict[str, str], origin: dict[int, int]
) -> str | None:
    now = _place(w, origin)
    if now != places and not _identical(old, new, places, now):
        return f"it stood at statement {places}, and goes on at {now}: {_shown(old, places)} -> {_shown(new, now)}"
    if passed := _passed(old, new, places[0]):
        return f"`{passed}` was passed by {_shown(old, places[:1])}"
    plan, label = position(w.root.coro)
    shown = _variables(w)
    for n in label.save if label is not None else []:
        if n in variables and shown.get(n) != variables[n]:
            return f"{n} was {variables[n]} and is {shown.get(n)} in {plan.where()}"
    return None


def _shown(program: Program, ids: list[int]) -> str:
    heads = {n.id: n.head for n in program.nodes()}
    return str([heads.get(i) for i in ids])


def _identical(old: Program, new: Program, then: list[int], now: list[int]) -> bool:
    """It is not the statement it was and nobody could tell: the original was edited or thrown away, and one that reads
    the same was written in the same place, or one with the same name, and there was and is no other of that name."""
    if len(then) != len(now):
        return False
    before, after = _around(old), _around(new)
    return all(
        a == b
        or before.get(a) == after.get(b)
        or _same_name(old, new, a, b)
        or (i > 0 and _comprehension(before.get(a)) == _comprehension(after.get(b)) != "")
        for i, (a, b) in enumerate(zip(then, now, strict=True))
    )


def _comprehension(around: tuple[str, ...] | None) -> str:
    """Of two comprehensions that read the same, either may be gone on in: only their lines differ."""
    return around[-1].partition("[")[2] if around and "[await" in around[-1] else ""


def _same_name(old: Program, new: Program, then: int, now: int) -> bool:
    """It has the only name of its kind in its function, before and after: an operation is known by its name."""
    for before, after in ((old.body, new.body), (old.helper, new.helper)):
        names = [
            {n.id: _name(n.head) for top in body for n in top.walk() if "await " in n.head} for body in (before, after)
        ]
        if then in names[0] and now in names[1]:
            name = names[0][then]
            counts = [list(found.values()).count(name) for found in names]
            return names[1][now] == name and counts == [1, 1]
    return False


def _around(program: Program) -> dict[int, tuple[str, ...]]:
    """For each statement, itself and the heads of what is around it."""
    found: dict[int, tuple[str, ...]] = {}

    def visit(block: Any, heads: tuple[str, ...]) -> None:
        for node in block:
            found[node.id] = (*heads, node.head)
            for i, inner in enumerate(node.blocks):
                visit(inner, (*heads, f"{i}", node.head, *node.joints[:i]))

    visit(program.helper, ("helper",))
    visit(program.body, ("wf",))
    return found


def _passed(old: Program, new: Program, place: int) -> str | None:
    """An operation, unique in both versions and unchanged, that was before the place and is after it now, or the other
    way round."""
    then = [n for top in old.body for n in top.walk() if n.kind == "op"]
    now = [n for top in new.body for n in top.walk() if n.kind == "op"]
    if place not in [n.id for n in then] or place not in [n.id for n in now]:
        return None
    seen_then, seen_now = [n.id for n in then], [n.id for n in now]
    names_then, names_now = (Counter(_name(n.head) for n in ops) for ops in (then, now))
    for n in then:
        name = _name(n.head)
        if n.id == place or n.id not in seen_now or names_then[name] != 1 or names_now[name] != 1:
            continue
        if (seen_then.index(n.id) < seen_then.index(place)) != (seen_now.index(n.id) < seen_now.index(place)):
            return n.head
    return None


def _name(head: str) -> str:
    return head.partition("await ")[2].partition(",")[0] if "[await" not in head else head

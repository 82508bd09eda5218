"""Finding, in today's code, the place where a checkpoint was taken (G16), or saying why it is not there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from weft_core.codec.wire import damaged
from weft_core.errors import CodeChangedError, UnknownFunctionError

from .labels import Label, label_sig, stmt_hash
from .plan import Plan, Root
from .registry import REGISTRY


@dataclass(frozen=True, slots=True)
class Place:
    """What a checkpoint says about where a frame stood; ``label`` is empty if it had not started."""

    key: str
    path: str
    hash: str
    kind: str
    label: str
    count: int
    nesting: str
    statement: str
    line: int


def find_plan(key: str, path: str, digest: str) -> tuple[Root, Plan]:
    """The plan of a durable function, or of a function nested in one."""
    root = REGISTRY.get(key)
    if root is None:
        raise UnknownFunctionError(
            f"the checkpoint needs the durable function {key[:200]!r}, which is not registered; import its module "
            f"first, "
            f"or if it was renamed use @durable(name={key[:200]!r})",
            function=key[:200],
        )
    plan = root.plans.get(path)
    last = path.rsplit("/", 1)[-1]
    if last.startswith((".", "<")) and (plan is None or plan.hash != digest):
        # Comprehensions and lambdas have no name: look for the same text elsewhere in the same function.
        parent = path.rpartition("/")[0]
        same = [p for k, p in root.plans.items() if p.hash == digest and k.rpartition("/")[0] == parent]
        if len(same) != 1:
            what = "a lambda" if last.startswith("<") else f"the {last.strip('.0123456789')}"
            raise CodeChangedError(
                f"{what} inside {root.qualname} that the checkpoint refers to has changed in the source; bring the "
                f"old text "
                f"back, or give the engine the old version of the workflow",
                function=root.qualname,
                old=path,
                new=None,
            )
        plan = same[0]
    if plan is None:
        raise CodeChangedError(
            f"{root.qualname} no longer contains the nested function {path[:200]!r}",
            function=root.qualname,
            old=path,
            new=None,
        )
    return root, plan


def find_label(plan: Plan, place: Place, names: list[str]) -> Label | None:
    """The label where a frame is to go on, None for one that has not started. Raises :class:`CodeChangedError`."""
    if place.kind != plan.kind:
        _changed(plan, place, f"it was a {place.kind} function and is now a {plan.kind} function", plan.kind)
    if not place.label:
        return None
    if place.hash == plan.hash:
        label = plan.by_id.get(place.label)
        if label is None or not set(label.save) <= set(names):
            raise damaged("a frame at a place that its function does not have")
        return label
    label = _candidate(plan, place)
    if label_sig(label) != place.nesting:
        _changed(
            plan,
            place,
            f"it is now nested as `{label_sig(label) or 'top level'}`, it was `{place.nesting or 'top level'}`; "
            f"loops, with "
            f"blocks and except/finally handlers around a suspended await must stay",
            label.id,
        )
    hidden_then = {n for n in names if n.startswith(".")}
    hidden_now = {n for n in label.save if n.startswith(".")}
    partial = any(n.startswith(".t") for n in hidden_then)
    if (hidden_then != hidden_now or partial) and stmt_hash(label) != place.statement:
        _changed(
            plan, place, "the statement around it was rewritten, and parts of it had already been evaluated", label.id
        )
    missing = [n for n in label.save if not n.startswith(".") and n not in names]
    if missing:
        _changed(
            plan,
            place,
            f"the new code needs variable(s) {', '.join(missing)} there, which the checkpoint does not have",
            label.id,
        )
    return label


def _candidate(plan: Plan, place: Place) -> Label:
    """The label with the same name; among several, the one with the same statement in the same nesting."""
    base = place.label.rsplit("#", 1)[0] if place.count > 1 else place.label
    group = [x for x in plan.labels if x.text == base]
    if not group:
        have = ", ".join(f"`{x.id}`" for x in plan.labels[:12])
        _changed(plan, place, f"that suspension point no longer exists; now there are: {have or 'none'}", have)
    if len(group) == 1 and place.count == 1:
        return group[0]
    exact = [x for x in group if stmt_hash(x) == place.statement and label_sig(x) == place.nesting]
    if len(exact) == 1:
        return exact[0]
    same_id = plan.by_id.get(place.label)
    if len(group) == place.count and same_id is not None and same_id in exact:
        return same_id
    _changed(
        plan,
        place,
        f"there were {place.count} suspension points with that name and now there are {len(group)}, and it cannot be "
        f"told "
        f"which one is meant; give the operations distinct names",
        ", ".join(x.id for x in group[:12]),
    )


def _changed(plan: Plan, place: Place, why: str, new: Any) -> NoReturn:
    raise CodeChangedError(
        f"{plan.where()} ({plan.root.filename}) changed while a run was suspended at "
        f"`{place.label[:200] or 'its start'}` (line {place.line} then): {why}",
        function=plan.where(),
        filename=plan.root.filename,
        old=place.label,
        new=new,
        line=place.line,
    )

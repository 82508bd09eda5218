"""Finding, in today's code, the place where a checkpoint was taken (G16), or saying why it is not there.

The rule is: what could be meant in two ways is refused. A place is the same if it has the same text, stands in the same
loops, ``with`` blocks and handlers (their heads unchanged), and has passed no other await that is still there. Of
several with one text, the statement and everything around it decide, and only if that was and is unique.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from weft_core.codec.wire import damaged
from weft_core.errors import CodeChangedError, UnknownFunctionError
from weft_core.frames.labels import Label, exact_hash, label_sig, neighbours, nesting, stmt_hash, tag_of
from weft_core.frames.plan import Plan, Root
from weft_core.frames.registry import REGISTRY, shown_name


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
    exact: str
    twins: int
    before: bytes
    after: bytes


def find_root(key: str, functions: Mapping[str, Root]) -> Root:
    """The durable function with this key: among ``functions``, else among all of this process."""
    root = functions.get(key) or REGISTRY.get(key)
    if root is None:
        raise UnknownFunctionError(
            f"the checkpoint needs the durable function {key[:200]!r}, which is not registered; import its module "
            f"first, "
            f"or if it was renamed use @durable(name={key[:200]!r})",
            function=key[:200],
        )
    return root


def find_plan(root: Root, path: str, digest: str) -> Plan:
    """The plan of a durable function, or of a function nested in one."""
    plan = root.plans.get(path.removesuffix("#1"))
    last = path.rsplit("/", 1)[-1]
    if (plan is None or plan.hash != digest) and _told_by_text(root, path):
        # Comprehensions and lambdas have no name, and of some names there are several: look for the same text elsewhere
        # in the same function.
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
        return same[0]
    if plan is None:
        raise CodeChangedError(
            f"{root.qualname} no longer contains the nested function {path[:200]!r}",
            function=root.qualname,
            old=path,
            new=None,
        )
    return plan


def _told_by_text(root: Root, path: str) -> bool:
    """The name at the end of this path does not say which function is meant."""
    last = path.rsplit("/", 1)[-1]
    return last.startswith((".", "<")) or "#" in last or f"{path}#2" in root.plans


def find_label(plan: Plan, place: Place, names: Sequence[str]) -> Label | None:
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
    _check_order(plan, place, label)
    if label_sig(label) != place.nesting:
        _changed(
            plan,
            place,
            f"it is now nested as `{nesting(label_sig(label))}`, it was `{nesting(place.nesting)}`"
            f"{' with other heads' if nesting(label_sig(label)) == nesting(place.nesting) else ''}; loops, with "
            f"blocks and except/finally handlers around a suspended await must stay as they are",
            label.id,
        )
    _check_statement(plan, place, label, names)
    return label


def _check_statement(plan: Plan, place: Place, label: Label, names: Sequence[str]) -> None:
    """What the interpreter had begun when the frame was stored must be what today's code goes on with."""
    then = {n for n in names if n.startswith(".")}
    now = {n for n in label.save if n.startswith(".")}
    same = stmt_hash(label) == place.statement
    begun = any(n.startswith(".t") for n in then) or now != then
    if begun and not (same and now <= then):
        _changed(
            plan, place, "the statement around it was rewritten, and parts of it had already been evaluated", label.id
        )
    if not same and not label.named:
        _changed(
            plan, place, f"its statement was rewritten, and `{label.text}` does not say which operation it is", label.id
        )
    loose = {n for n in now - label.hidden if not n.startswith(_SETTLED)}
    if loose and exact_hash(label) != place.exact:
        _changed(plan, place, "the choice around it was rewritten, and had already been made", label.id)


_SETTLED = (".t", ".fk", ".fv", ".fx")
"""Hidden locals that are looked after elsewhere: temporaries, and what waits behind a ``finally``."""


def _candidate(plan: Plan, place: Place) -> Label:
    """The label with the same text; among several, the one that was unique in all that can be seen and still is."""
    base = place.label.rsplit("#", 1)[0] if place.count > 1 else place.label
    group = [x for x in plan.labels if x.text == base]
    if not group:
        have = ", ".join(f"`{x.id}`" for x in plan.labels[:12])
        _changed(plan, place, f"that suspension point no longer exists; now there are: {have or 'none'}", have)
    if len(group) == 1 and place.count == 1:
        return group[0]
    exact = [x for x in group if exact_hash(x) == place.exact]
    if len(exact) == 1 and place.twins == 1:
        return exact[0]
    same_id = plan.by_id.get(place.label)
    if len(group) == place.count and len(exact) == place.twins and same_id is not None and same_id in exact:
        return same_id
    _changed(
        plan,
        place,
        f"there were {place.count} suspension points with that name and now there are {len(group)}, and it cannot be "
        f"told "
        f"which one is meant; give the operations distinct names",
        ", ".join(x.id for x in group[:12]),
    )


def _check_order(plan: Plan, place: Place, label: Label) -> None:
    """An await that has passed another one would run it twice, or never (G2)."""
    then = _counted(place.before), _counted(place.after)
    now = tuple(map(_counted, neighbours(label, plan.labels, None)))
    for tag in {*then[0], *then[1]}:
        before, after = now[0][tag] - then[0][tag], now[1][tag] - then[1][tag]
        if (before > 0 > after) or (before < 0 < after):
            passed = next((x for x in plan.labels if tag_of(x) == tag), None)
            what = f"`{passed.text}`" if passed is not None else "another await"
            _changed(plan, place, f"it was moved past {what}, which would then run twice or never", label.id)


def _counted(tags: bytes) -> Counter[bytes]:
    return Counter(tags[i : i + 2] for i in range(0, len(tags), 2))


def _changed(plan: Plan, place: Place, why: str, new: Any) -> NoReturn:
    raise changed(plan, place.label, place.line, place.hash, why, new=new)


def changed(plan: Plan, old: str, line: int, fingerprint: str, why: str, **facts: Any) -> CodeChangedError:
    """The error for a frame that cannot go on in ``plan``; ``fingerprint`` is that of the code it stood in."""
    where = shown_name(plan.root.key) if not plan.path else plan.where()
    return CodeChangedError(
        f"{where} ({plan.root.filename}) changed while a run was suspended at "
        f"`{old[:200] or 'its start'}` (line {line} then): {why}",
        function=plan.where(),
        filename=plan.root.filename,
        old=old,
        line=line,
        old_code=fingerprint,
        code=plan.hash,
        **facts,
    )

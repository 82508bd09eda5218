"""Branches side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from weft_core.errors import OperationMisuseError
from weft_core.model.operations import Each, Group, MapOver, Operation
from weft_core.workflow.activity import Activity
from weft_core.workflow.context.facts import Facts
from weft_core.workflow.definition import Workflow

K = TypeVar("K")


class Groups(Facts):
    """Operations made of other operations and of durable functions."""

    def all(self, branches: Sequence[Any] | Mapping[K, Any]) -> Operation[Any]:
        """Run branches side by side; their values in order (or by key). The first failure cancels the others.

        A branch is an operation or the call of a ``@durable`` function.
        """
        return _group("all", branches)

    def race(self, branches: Sequence[Any] | Mapping[K, Any]) -> Operation[Any]:
        """The value (or error) of the branch that ends first, the others cancelled. For a mapping: ``(key, value)``."""
        return _group("race", branches)

    def map(self, target: Any, items: Iterable[Any], *, concurrency: int = 10) -> Operation[list[Any]]:
        """``target`` for each item, at most ``concurrency`` at a time; the values in the order of the items.

        ``target`` is an activity, a workflow (each item is then a child run), a ``@durable`` function of ``(ctx,
        item)``, or a function of ``item`` that returns an operation. When one ends the next begins; the first failure
        cancels the others. All items and values are part of the checkpoint while it lasts.
        """
        if isinstance(target, (Activity, Workflow)):
            return MapOver(Each(target.name, isinstance(target, Workflow)), list(items), concurrency)
        if not callable(target):
            raise OperationMisuseError(operation="ctx.map", reason=f"{target!r} cannot be called for an item")
        return MapOver(target, list(items), concurrency)


def _group(mode: str, branches: Sequence[Any] | Mapping[Any, Any]) -> Group:
    if isinstance(branches, Mapping):
        return Group(mode, list(branches.values()), list(branches))
    if isinstance(branches, (list, tuple)):
        return Group(mode, list(branches))
    raise OperationMisuseError(operation=f"ctx.{mode}", reason="pass the branches as one list, tuple or dict")

"""Branches side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from weft_core.errors import OperationMisuseError
from weft_core.model.operations import Group, Operation
from weft_core.workflow.context.facts import Facts

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


def _group(mode: str, branches: Sequence[Any] | Mapping[Any, Any]) -> Group:
    if isinstance(branches, Mapping):
        return Group(mode, list(branches.values()), list(branches))
    if isinstance(branches, (list, tuple)):
        return Group(mode, list(branches))
    raise OperationMisuseError(operation=f"ctx.{mode}", reason="pass the branches as one list, tuple or dict")

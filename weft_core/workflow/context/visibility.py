"""What others see of a run: search attributes, queries, exposed values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from weft_core import codec
from weft_core.model.operations import Operation, SetAttributes
from weft_core.workflow.attributes import SearchAttribute, by_name
from weft_core.workflow.context.facts import Facts
from weft_core.workflow.definition import Query

T = TypeVar("T")


class Visibility(Facts):
    """Operations and immediate calls that change what lists, searches and queries answer."""

    def set_attribute(self, key: SearchAttribute[T] | str, value: T | None) -> Operation[None]:
        """Set a search attribute of this run; None removes it. Lists and counts find the run by it.

        A value of another type than that of ``key``, or than the workflow declares for this name, is an
        ``InvalidAttributeError``.
        """
        return SetAttributes(by_name({key: value}))

    def set_attributes(self, attributes: Mapping[Any, Any]) -> Operation[None]:
        """Set several search attributes of this run, by attribute or by name; all or none."""
        return SetAttributes(by_name(attributes))

    def get_attribute(self, key: SearchAttribute[Any] | str, default: Any = None) -> Any:
        """A search attribute of this run as it was set, or ``default``."""
        encoded = self._run.header.attributes.get(key if isinstance(key, str) else key.name)
        return default if encoded is None else codec.loads(encoded)

    def on_query(self, query: Query[Any] | str, handler: Callable[..., Any]) -> None:
        """Answer a query with ``handler(*args)``, a function of this workflow; it must neither write nor await (G9)."""
        self._run.queries[query if isinstance(query, str) else query.name] = handler

    def expose(self, name: str, value: Any) -> None:
        """Publish a value under ``name``: queries see it as it is now."""
        self._run.exposed[name] = codec.dumps(value)

"""What others see of a run: search attributes, queries, exposed values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from weft_core import codec
from weft_core.model.operations import Operation, SetAttributes
from weft_core.workflow.context.facts import Facts
from weft_core.workflow.definition import Query


class Visibility(Facts):
    """Operations and immediate calls that change what lists, searches and queries answer."""

    def set_attribute(self, key: str, value: Any) -> Operation[None]:
        """Set a search attribute of this run."""
        return SetAttributes({key: value})

    def set_attributes(self, attributes: Mapping[str, Any]) -> Operation[None]:
        """Set several search attributes of this run."""
        return SetAttributes(dict(attributes))

    def get_attribute(self, key: str, default: Any = None) -> Any:
        encoded = self._run.header.attributes.get(key)
        return default if encoded is None else codec.loads(encoded)

    def on_query(self, query: Query[Any] | str, handler: Callable[..., Any]) -> None:
        """Answer a query with ``handler(*args)``, a function of this workflow; it must neither write nor await (G9)."""
        self._run.queries[query if isinstance(query, str) else query.name] = handler

    def expose(self, name: str, value: Any) -> None:
        """Publish a value under ``name``: queries see it as it is now."""
        self._run.exposed[name] = codec.dumps(value)

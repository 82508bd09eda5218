"""Finding runs, counting them, and what they are found by."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

from weft_core import codec
from weft_core.engine.core import EngineCore
from weft_core.engine.search.page import Aggregate, Page
from weft_core.engine.search.upkeep import Differences
from weft_core.errors import IndexesNotReadyError
from weft_core.machine import marks
from weft_core.model.messages import Annotate
from weft_core.workflow.attributes import by_name

T = TypeVar("T")


class SearchVerbs(EngineCore):
    """list, count, aggregate, attributes, tags, and the indexes."""

    async def list(self, **words: Any) -> Page:
        """One page of the runs that fit, newest first: :meth:`weft_core.observe.StoreReader.list` says which words.

        A store that was written before there were indexes is searched once this engine has made them.
        """
        return await self._indexed(lambda: self.reader.list(**words))

    async def count(self, **words: Any) -> int:
        """How many runs fit; no record is read."""
        return await self._indexed(lambda: self.reader.count(**words))

    async def aggregate(self, *, by: Any, limit: int = 1000, **words: Any) -> Aggregate:
        """How many runs fit, by "status", "workflow", "failure" or a search attribute; no record is read."""
        return await self._indexed(lambda: self.reader.aggregate(by=by, limit=limit, **words))

    async def _indexed(self, search: Callable[[], Awaitable[T]]) -> T:
        try:
            return await search()
        except IndexesNotReadyError:
            self._check_open()
            await self._parts.indexes.ready()
            return await search()

    async def get_attributes(self, run_id: str) -> dict[str, Any]:
        """The search attributes of a run, by name. ``RunNotFoundError``."""
        header = await self.reader.header(run_id)
        return {name: codec.loads(value) for name, value in header.attributes.items()}

    async def set_attributes(self, run_id: str, attributes: Mapping[Any, Any]) -> None:
        """Set search attributes of a run, by ``search_attribute`` or name, beside those it has; None removes one.

        Works on running, parked, stopped and finished runs. ``RunNotFoundError``, ``InvalidAttributeError``,
        ``LimitExceededError``: nothing was written.
        """
        values = by_name(attributes)
        self._check_run_id(run_id)
        header = await self.reader.header(run_id)
        declared = self.registry.attribute_types(header.workflow, header.version)
        await self._deliver(run_id, Annotate(marks.encode(values, self.limits, declared)))

    async def add_tags(self, run_id: str, tags: Iterable[str]) -> None:
        """Add tags to a run, whatever its status; those it has are no error. ``RunNotFoundError``,
        ``LimitExceededError``."""
        self._check_run_id(run_id)
        await self._deliver(run_id, Annotate(add_tags=marks.check_tags(tags, self.limits)))

    async def remove_tags(self, run_id: str, tags: Iterable[str]) -> None:
        """Remove tags from a run, whatever its status; those it does not have are no error. ``RunNotFoundError``."""
        self._check_run_id(run_id)
        await self._deliver(run_id, Annotate(remove_tags=marks.check_tags(tags, self.limits)))

    async def verify_indexes(self) -> Differences:
        """Index rows that are missing or stale; see :meth:`weft_core.observe.StoreReader.verify_indexes`."""
        return await self.reader.verify_indexes()

    async def rebuild_indexes(self) -> Differences:
        """Make the index rows those of the records; returns what was wrong. Runs go on meanwhile, and if it is cut
        off, what it has done stays done."""
        self._check_open()
        return await self._parts.indexes.repair()

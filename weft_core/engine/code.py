"""The source of the durable functions an engine drives runs with, as it is stored beside the runs."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from weft_core import frames
from weft_core.engine.commit import Committer
from weft_core.engine.deciding import Decider
from weft_core.engine.registry import Registry
from weft_core.machine.sealed import seal_plain
from weft_core.model import keys
from weft_core.ports import Op, Storage


class SourceKeeper:
    """One per open engine. The record of the source that there is now is named by the decider in what it writes."""

    def __init__(self, registry: Registry, decider: Decider, write: Callable[[list[Op]], Awaitable[None]]) -> None:
        self._registry, self._decider, self._write = registry, decider, write

    async def open(self, storage: Storage, committer: Committer) -> None:
        """Before any run is taken up."""
        name, ops = self._now()
        if await storage.get(keys.code(name)) is None:
            await committer.commit(ops)
        self._decider.code = name

    async def renew(self) -> None:
        """Workflows may have been registered since the engine opened."""
        name, ops = self._now()
        if name != self._decider.code:
            await self._write(ops)
            self._decider.code = name

    def _now(self) -> tuple[str, list[Op]]:
        """Name and record of the source of all durable functions that are there now."""
        sources = registered_sources(self._registry.functions.values())
        name = hashlib.sha256(repr(sources).encode()).hexdigest()[:16]
        return name, [(keys.code(name), seal_plain(keys.code(name), sources))]


def registered_sources(workflows: Iterable[frames.Root]) -> list[list[Any]]:
    """``[function, filename, first line, text]`` of these workflows' functions and of every durable function that has
    been compiled, in a fixed order."""
    found = []
    for root in {id(root): root for root in (*workflows, *frames.REGISTRY.values())}.values():
        text = "".join(root.lines[root.lineno - 1 : root.end_lineno])
        found.append([frames.shown_name(root.key), base_name(root.filename), root.lineno, text])
    return sorted(found)


def base_name(filename: str) -> str:
    """The file's own name: where it lay on the machine that wrote a checkpoint means nothing on another one."""
    return filename.replace("\\", "/").rsplit("/", 1)[-1]

"""Reading what runs have offloaded."""

from __future__ import annotations

from typing import Any

from weft_core.engine.verbs.looking import LookingVerbs
from weft_core.model.blobs import BlobRef


class BlobVerbs(LookingVerbs):
    """load_blob."""

    async def load_blob(self, where: BlobRef | str, key: str | None = None) -> Any:
        """The value of a reference, or what a run (its id) has stored last under a key; until the run is purged.

        ``BlobNotFoundError``; ``RunNotFoundError``; ``UnknownTypeError`` (a class is not at hand here).
        """
        self._check_open()
        if isinstance(where, str):
            await self.reader.header(where)
            where = await self._blobs.last(where, key or "")
        return await self._blobs.load(where)

"""Which rows of a store are its content, and how they are gone through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from weft_core.model import keys
from weft_core.ports import DEFAULT_PAGE, Row

OWN = (keys.STORE, keys.OWNER, keys.EXPORTED, keys.RESTORED)
"""What a store says of itself: an import writes its own."""
APART = ("scope/", keys.INCOMING)
"""Other stores inside of this one (ScopedStorage), each to be exported by itself; and an import under way."""
_LAST = "\U0010ffff"


class Readable(Protocol):
    """The reading half of a store."""

    async def get(self, key: str) -> bytes | None: ...

    async def scan(
        self,
        prefix: str,
        *,
        after: str | None = None,
        before: str | None = None,
        limit: int = DEFAULT_PAGE,
        reverse: bool = False,
    ) -> list[Row]: ...


def is_content(key: str) -> bool:
    return key not in OWN and not key.startswith(APART)


async def pages_of_content(storage: Readable) -> AsyncIterator[list[Row]]:
    """Every row that is exported, in order of keys. Rows that come or go meanwhile may be in it or not."""
    after: str | None = None
    while rows := await storage.scan("", after=after):
        last = rows[-1][0]
        # What lies apart may be large: not gone through, but stepped over.
        after = next((prefix + _LAST for prefix in APART if last.startswith(prefix)), last)
        if found := [row for row in rows if is_content(row[0])]:
            yield found


async def first_content(storage: Readable) -> str | None:
    """A key for which the store is not empty; None if it has nothing but what an engine makes when it opens."""
    after: str | None = None
    while rows := await storage.scan("", after=after, limit=1):
        key = rows[0][0]
        after = next((prefix + _LAST for prefix in ("meta/", "code/", *APART) if key.startswith(prefix)), None)
        if after is None:
            return key
    return None

"""Reading the streams of runs."""

from __future__ import annotations

import functools

from weft_core.engine.coming import page_to_come
from weft_core.engine.streams import PAGE, StreamTail, read_page
from weft_core.engine.verbs.looking import LookingVerbs
from weft_core.errors import InvalidInputError
from weft_core.machine.naming import check_name
from weft_core.model.durations import Duration, duration_ms
from weft_core.model.streams import StreamPage

LONGEST_WAIT_MS = 60_000
"""Of a call that waits for a stream: who asked may have gone."""


class StreamVerbs(LookingVerbs):
    """read_stream, tail_stream."""

    async def read_stream(
        self, run_id: str, name: str, *, after: int = 0, limit: int = PAGE, wait: Duration = 0
    ) -> StreamPage:
        """Up to ``limit`` (1 to 1000) entries of a stream with numbers above ``after``; go on from ``page.cursor``.

        Also after the run's end, until it is purged. A stream that nobody has written to is empty. If there is nothing
        new, it is waited for, at most so long: for who cannot hold a tail open, and need not ask again and again.
        ``RunNotFoundError``, ``UnknownTypeError`` (a value's class is not at hand here).
        """
        self._check_stream(name)
        wait_ms = duration_ms(wait, "the wait for a stream")
        if wait_ms > LONGEST_WAIT_MS:
            reason = f"wait is {wait_ms} ms, and a call waits at most {LONGEST_WAIT_MS} ms; ask again then"
            raise InvalidInputError(call="read_stream", reason=reason)
        await self.reader.header(run_id)
        page = functools.partial(read_page, self._reads, run_id, name, after, limit)
        return await (page_to_come(self.events, run_id, page, wait_ms / 1000) if wait_ms else page())

    def tail_stream(self, run_id: str, name: str, *, after: int = 0) -> StreamTail:
        """Follow a stream: its entries with numbers above ``after``, stored ones first and then live ones, none missing
        and none twice, also across restarts of the engine. Ends with the stream or the run."""
        self._check_stream(name)
        if type(after) is not int or after < 0:
            raise InvalidInputError(call="tail_stream", reason=f"after is {after!r}; it is the number of an entry")
        return StreamTail(self.events, run_id, after, lambda at: self.read_stream(run_id, name, after=at))

    def _check_stream(self, name: str) -> None:
        self._check_open()
        check_name(name, "the name of a stream", self.limits)

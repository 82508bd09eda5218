"""Limits of time."""

from __future__ import annotations

from weft_core.model.durations import Duration, duration_ms
from weft_core.model.operations import TimeoutScope
from weft_core.workflow.context.facts import Facts


class Scopes(Facts):
    """Scopes of the workflow's body."""

    def timeout(self, limit: Duration) -> TimeoutScope:
        """``async with ctx.timeout("1 hour"):`` what is awaited in the block when the time is over is cancelled, and
        the block raises ``ScopeTimeoutError`` (a ``TimeoutError``).

        In the block ``RunCancelled`` is raised, so that ``finally`` blocks run. The deadline is stored: a restart does
        not begin it anew. Scopes may be nested.
        """
        return TimeoutScope(duration_ms(limit, "ctx.timeout"))

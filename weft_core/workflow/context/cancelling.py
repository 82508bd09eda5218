"""What a run does when it is cancelled."""

from __future__ import annotations

from typing import Any

from weft_core.errors import OperationMisuseError
from weft_core.model.operations import Operation
from weft_core.workflow.context.facts import Facts


class Cancelling(Facts):
    """Immediate calls that prepare for the end."""

    def on_cancel(self, what: Any, /) -> None:
        """If the run is cancelled or timed out, do this before it ends: an operation (``ctx.run(release, seat)``) or
        the call of a ``@durable`` function, not awaited.

        What was said last is done first, each to its end and over crashes (G13); what finally fails parks the run as
        "needs_attention". A ``finally`` block does the same for a stretch of the body.
        """
        if not isinstance(what, Operation) and not hasattr(what, "close"):
            reason = f"{what!r} is no operation and no call of a @durable function"
            raise OperationMisuseError(operation="ctx.on_cancel", reason=reason)
        self._run.on_cancel.append(what)

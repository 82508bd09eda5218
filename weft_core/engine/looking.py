"""Calling a function of a run's without letting it change the run: it is called on a copy (G9).

Queries and validators are functions that share variables with the run's frames. What is copied is what they can reach
from there, which is all that they could change; a copy costs what that weighs, however much more the run holds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from weft_core import codec, frames
from weft_core.errors import UpdateValidationError
from weft_core.model.messages import UpdateArrived
from weft_core.model.run import RunHeader, RunState
from weft_core.ports import Clock, Ids, enters_authors_code
from weft_core.workflow import Context

Roots = Mapping[str, frames.Root]


class Onlooker:
    """Makes copies of what runs' functions see. ``functions`` are the workflows' own, by their keys."""

    def __init__(self, clock: Clock, ids: Ids, functions: Roots) -> None:
        self._clock, self._ids, self._functions = clock, ids, functions

    def copy(self, run: RunState, own: Any) -> Any:
        """``own``, functions of the run's, as they are now, sharing nothing with it; their ``ctx`` is a copy too."""
        seen = [own, run.session] if run.session else own
        return self.restore(run.header, run.exposed, frames.snapshot(seen, run.externals))

    def restore(self, header: RunHeader, exposed: Mapping[str, bytes], body: bytes) -> Any:
        """Functions of a run's from their snapshot, alone or with what ``ctx.state.session`` held.

        Raises what keeps them from being restored.
        """
        ctx = Context(self._clock, self._ids)
        apart = dataclasses.replace(header, attributes=dict(header.attributes))
        ctx._run = RunState(apart, ctx, codec.Externals({"ctx": ctx}))
        ctx._run.exposed = dict(exposed)
        root = frames.restore(body, ctx._run.externals, self._functions).root
        if isinstance(root, list):
            root, ctx._run.session = root
        return root

    @enters_authors_code
    def validate(self, run: RunState, message: UpdateArrived) -> None:
        """Have the run's validator look at an update. ``UpdateValidationError`` if it refuses."""
        _, validator = run.handlers.updates.get(message.name, (None, None)) if run.handlers else (None, None)
        if validator is None:
            return
        call: Callable[[Any], Any] = self.copy(run, validator)
        try:
            call(codec.loads(message.payload))
        except KeyboardInterrupt:
            raise
        except BaseException as refusal:
            raise UpdateValidationError(
                run_id=run.id, update=message.name, update_id=message.update_id,
                error_type=type(refusal).__name__, error_message=str(refusal),
            ) from refusal  # fmt: skip

"""``ctx.set_attribute``: merged into the run's record, answered in the same turn."""

from __future__ import annotations

from weft_core import codec
from weft_core.errors import InvalidInputError
from weft_core.machine.operations.base import BaseHooks
from weft_core.machine.turn import Turn
from weft_core.model.operations import SetAttributes
from weft_core.model.run import Task


class AttributeHooks(BaseHooks):
    def begin(self, turn: Turn, task: Task, op: SetAttributes) -> None:
        for key in op.attributes:
            if not isinstance(key, str):
                raise InvalidInputError(call="ctx.set_attribute", reason=f"the name {key!r} is not text")
        encoded = {key: codec.dumps(value) for key, value in op.attributes.items()}  # refuses before anything changes
        turn.run.header.attributes.update(encoded)
        turn.header_changed = True
        for key, data in encoded.items():
            turn.event("attribute_set", key=key, value=data)
        turn.answer(task, None)

    def cancel(self, turn: Turn, task: Task) -> bool:
        return True

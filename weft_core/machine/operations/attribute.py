"""``ctx.set_attribute``: merged into the run's record, answered in the same turn."""

from __future__ import annotations

from weft_core.machine import marks
from weft_core.machine.operations.base import BaseHooks
from weft_core.machine.turn import Turn
from weft_core.model.messages import Annotate
from weft_core.model.operations import SetAttributes
from weft_core.model.run import Task


class AttributeHooks(BaseHooks):
    def begin(self, turn: Turn, task: Task, op: SetAttributes) -> None:
        encoded = marks.encode(op.attributes, turn.rules.limits, turn.run.attribute_types)
        turn.annotate(Annotate(encoded))  # both refuse before anything changes
        turn.answer(task, None)

    def cancel(self, turn: Turn, task: Task) -> bool:
        return True

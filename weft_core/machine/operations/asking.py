"""What the operations that ask another run have in common. What is asked lies in the store until it has been acted on,
so that nothing is to be done again after a crash.
"""

from __future__ import annotations

from typing import Any

from weft_core.errors import (
    WeftError,
)
from weft_core.machine.operations.base import BaseHooks
from weft_core.machine.outcomes import error_of, value_of
from weft_core.machine.turn import Turn
from weft_core.model.messages import Reply
from weft_core.model.run import UNBEGUN, Task


class AskingHooks(BaseHooks):
    """Answered by another run, which knows the step that asked: put back, it must ask again."""

    def anew(self, wait: Any) -> Any:
        return UNBEGUN


def settle(turn: Turn, task: Task, message: Reply) -> None:
    """Answer with how another run has ended."""
    if not message.ok:
        turn.fail(task, error_of(message.data))
        return
    try:
        value = value_of(message.data)
    except WeftError as ending:
        turn.fail(task, ending)
    else:
        turn.answer(task, value)

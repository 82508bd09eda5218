"""What happens to a run as a whole, one theme a file; this table joins them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from weft_core.machine.life import beginning, ending, hurrying, messages, moving, pausing, recovering, repairing
from weft_core.machine.turn import Turn
from weft_core.model.messages import (
    Annotate,
    Arrived,
    Begin,
    CancelRequested,
    Forked,
    Hurry,
    Message,
    Recover,
    Reply,
    ResumeRequested,
    Rewound,
    SignalArrived,
    Skip,
    StateAsked,
    SuspendRequested,
    TerminateRequested,
    TimerFired,
    UpdateArrived,
    Watch,
)  # fmt: skip
from weft_core.model.run import Task

DECISIONS: dict[type[Message], Callable[[Turn, Any], None]] = {
    Begin: beginning.begin,
    SignalArrived: messages.accept_signal,
    UpdateArrived: messages.accept_update,
    Watch: messages.accept_watcher,
    StateAsked: messages.use_state,
    Reply: messages.accept_reply,
    Annotate: messages.annotate,
    SuspendRequested: pausing.suspend,
    ResumeRequested: pausing.resume,
    CancelRequested: ending.cancel,
    TerminateRequested: ending.terminate,
    Recover: recovering.recover,
    Hurry: hurrying.hurry,
    Forked: repairing.forked,
    Rewound: repairing.rewound,
    Skip: repairing.skip,
    Arrived: moving.arrived,
}


class RunLife:
    """:class:`weft_core.machine.turn.Life`."""

    def decide(self, turn: Turn, message: Message) -> None:
        DECISIONS[type(message)](turn, message)

    def timer(self, turn: Turn, message: TimerFired) -> None:
        ending.timer(turn, message)

    def answer_lost(self, turn: Turn, task: Task) -> None:
        ending.answer_lost(turn, task)

    def body_ended(self, turn: Turn, task: Task, ok: bool, value: Any) -> None:
        ending.body_ended(turn, task, ok, value)

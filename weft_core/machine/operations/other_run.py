"""``ctx.result_of``, ``ctx.signal``, ``ctx.cancel``, the methods of a child: other runs. The note is the id of one."""

from __future__ import annotations

from weft_core import codec
from weft_core.errors import (
    OperationMisuseError,
)
from weft_core.machine.operations.asking import AskingHooks, settle
from weft_core.machine.outcomes import error_of
from weft_core.machine.turn import Turn
from weft_core.model.messages import Reply
from weft_core.model.names import check_id, check_text, check_told
from weft_core.model.operations import CancelRun, SignalRun, WaitRun
from weft_core.model.run import Task


class WaitRunHooks(AskingHooks):
    def begin(self, turn: Turn, task: Task, op: WaitRun) -> None:
        check_id(op.run_id, "the id of an awaited run", turn.rules.limits)
        if op.run_id == turn.run.id:
            raise OperationMisuseError(operation="ctx.result_of", reason="a run that waits for its own end never ends")
        turn.event("run_awaited", step=task.step, awaited=op.run_id)
        task.wait = [op.run_id]
        turn.post(op.run_id, ["watch", *turn.address(task)])

    def deliver(self, turn: Turn, task: Task, message: Reply) -> None:
        turn.event("run_awaited_ended", step=task.step, awaited=task.wait[0])
        settle(turn, task, message)

    def cancel(self, turn: Turn, task: Task) -> bool:
        turn.event("run_forgotten", step=task.step, awaited=task.wait[0])
        turn.post(task.wait[0], ["unwatch", *turn.address(task)])
        return True

    def drop(self, turn: Turn, task: Task) -> None:
        self.cancel(turn, task)


class SpeakHooks(AskingHooks):
    """Speaking to another run. Done when that has been decided there; refused when there is no such unfinished run."""

    def begin(self, turn: Turn, task: Task, op: SignalRun | CancelRun) -> None:
        asking, limits = turn.address(task), turn.rules.limits
        check_id(op.run_id, "the id of another run", limits)
        if isinstance(op, SignalRun):
            check_text(op.name, "the name of a signal", limits)
            if op.signal_id is not None:
                check_id(op.signal_id, "a signal_id", limits)
            (payload,) = turn.copy((op.payload,), f"the payload of signal {op.name}")
            content = ["signal", op.name, codec.dumps(payload), op.signal_id, *asking]
        else:
            check_told("ctx.cancel", turn.rules.limits, reason=op.reason)
            content = ["cancel", op.reason, *asking]
        turn.event("run_addressed", step=task.step, addressed=op.run_id, how=content[0])
        task.wait = [op.run_id]
        turn.post(op.run_id, content)

    def deliver(self, turn: Turn, task: Task, message: Reply) -> None:
        turn.event("run_answered", step=task.step, addressed=task.wait[0], ok=message.ok)
        if message.ok:
            turn.answer(task, None)
        else:
            turn.fail(task, error_of(message.data))

    def cancel(self, turn: Turn, task: Task) -> bool:
        return True

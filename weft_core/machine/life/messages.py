"""What a run is sent: signals, updates, other runs that wait for its end, changes of its marks and its values."""

from __future__ import annotations

from typing import Any

from weft_core.errors import WeftError
from weft_core.machine.own_values import ask_own
from weft_core.machine.turn import Turn
from weft_core.model import keys
from weft_core.model.messages import Annotate, Reply, SignalArrived, StateAsked, UpdateArrived, Watch
from weft_core.model.run import BufferedSignal


def accept_signal(turn: Turn, message: SignalArrived, how: bytes = b"") -> None:
    run = turn.run
    turn.event("signal_received", name=message.name, signal_id=message.signal_id)
    if message.signal_id is not None:
        turn.ops.append((keys.mail_id(run.id, message.signal_id), how))
    run.mail_seq += 1
    turn.offer(BufferedSignal(run.mail_seq, message.name, message.payload))


def accept_update(turn: Turn, message: UpdateArrived) -> None:
    turn.rules.attention.accept_update(turn, message)


def accept_watcher(turn: Turn, message: Watch) -> None:
    watchers: list[list[Any]] = turn.run.notes.setdefault("watchers", [])
    if not message.no_more:
        watchers.append(list(message.watcher))
    elif list(message.watcher) in watchers:
        watchers.remove(list(message.watcher))
    if not watchers:
        del turn.run.notes["watchers"]


def accept_reply(turn: Turn, message: Reply) -> None:
    task = turn.run.tasks.get(message.task)
    if task is not None and turn.run.header.address(task.step) == message.address and turn.waits(task):
        turn.rules.hooks[type(task.op)].deliver(turn, task, message)  # type: ignore[index]


def use_state(turn: Turn, message: StateAsked) -> None:
    try:
        message.answer = ask_own(turn, message.key, message.request)
    except WeftError as refusal:
        message.refusal = refusal


def annotate(turn: Turn, message: Annotate) -> None:
    turn.annotate(message)

"""A run that is this engine's again, or for the first time: it stands suspended, as it was stored elsewhere."""

from __future__ import annotations

from weft_core.machine.life.beginning import ELSEWHERE
from weft_core.machine.life.pausing import resume
from weft_core.machine.life.recovering import take_up
from weft_core.machine.turn import Turn
from weft_core.model.messages import Arrived


def arrived(turn: Turn, message: Arrived) -> None:
    handoff_id, moves = message.handoff_id, message.moves
    if message.reason is None:
        turn.run.notes.pop(ELSEWHERE, None)
        turn.event("run_received", handoff_id=handoff_id, moves=moves, origin=message.origin)
    else:
        turn.event("run_taken_back", url=message.url, handoff_id=handoff_id, moves=moves, reason=message.reason)
    turn.header_changed = True
    if turn.run.header.status == "suspended":  # else somebody has taken it up before, by cancelling it
        take_up(turn)
        if message.goes_on:
            resume(turn)

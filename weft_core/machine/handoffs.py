"""Where a handoff stands, as it is stored, and which runs can travel (CONTRACT.md, "Handoff of a run between engines").

``handoff/<run id>`` outlives its run: it remembers under which number the run was here last, so that a message that
comes late is not taken for a new one. ``moving/<run id>`` is there while something is still to be done.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from weft_core.errors import CorruptRecordError
from weft_core.machine import records, scopes
from weft_core.machine.operations.activity.note import IN_FLIGHT, PARKED
from weft_core.machine.sealed import seal_plain, unseal_plain
from weft_core.model import keys
from weft_core.model.run import UNBEGUN, RunHeader
from weft_core.ports import Op

State = Literal["parking", "sending", "moved", "asking", "ended", "arriving", "owned", "refused", "doubted"]
"""``parking``: suspended until nothing is in flight. ``sending``: it is on its way and nobody here steps it. ``moved``:
the other engine owns it; ``ended``: and it has finished there. ``asking``: it is asked for again. ``arriving``: it is
ours, and its first turn is to come; ``owned``: that has been. ``refused``: it never was here. ``doubted``: the store
was restored, and it may be elsewhere."""

_VERSION = 1
_MAX_REFUSED = 16
_REFUSED_MS, _REFUSED_MOST_MS = 60_000, 3_600_000
"""Of the pauses after a refusal, each twice the one before."""
_ASKS = frozenset({"join", "child", "run", "signal_run", "cancel_run", "lock", "unlock", "state"})
"""Kinds of operations that wait for an answer of others in the same store."""


@dataclass(slots=True)
class Handoff:
    """Plain values only. Tokens that open the other engine are no part of it: they are never stored."""

    id: str
    moves: int
    state: State
    url: str = ""
    """The other engine; empty: it will ask, or has asked."""
    goes_on: bool = True
    """It was not suspended before."""
    at: int = 0
    tell: list[Any] = field(default_factory=list)
    """What the turn that takes the run up tells: the first fields of ``Arrived``. Empty: nothing."""
    back: str = ""
    """While ``asking``: the id of the handoff that is asked for; the ``id`` is still that by which it left."""
    from_sending: bool = False
    """It was asked for again before anybody had answered."""
    owes: bool = False
    """The other engine waits to hear that the run is here."""
    why: str = ""
    """What became of the last try, for people."""
    refused: list[str] = field(default_factory=list)
    """Ids of handoffs that will never be accepted."""
    placed: str = ""
    """The placement of its workflow, if it leaves because of that."""
    tries: int = 0
    """How often it was refused since it belongs elsewhere."""
    stays: bool = False
    """Somebody has taken it back: its placement moves it no more."""
    came: str = ""
    """The handoff by which it came here: who handed it over may have it back, and nobody else."""

    @property
    def open(self) -> bool:
        """Something is to be done by itself."""
        if self.state in ("sending", "moved"):
            return bool(self.url)
        return self.owes or self.state in ("parking", "asking", "arriving", "doubted")

    @property
    def not_before(self) -> int:
        """When it may be offered again that was refused (epoch ms)."""
        return self.at + min(_REFUSED_MS << min(self.tries - 1, 10), _REFUSED_MOST_MS) if self.tries else 0

    def refuse(self, handoff_id: str) -> None:
        self.refused = [*self.refused, handoff_id][-_MAX_REFUSED:]


def write(run_id: str, handoff: Handoff) -> list[Op]:
    key = keys.handoff(run_id)
    row = b"" if handoff.open else None
    return [(key, seal_plain(key, [_VERSION, asdict(handoff)])), (keys.moving(run_id), row)]


def read(run_id: str, data: bytes) -> Handoff:
    key = keys.handoff(run_id)
    values = unseal_plain(key, data)
    if len(values) < 2 or values[0] != _VERSION:
        raise CorruptRecordError(key=key, reason=f"a handoff of unknown version {values[:1]}")
    known = {f.name for f in fields(Handoff)}
    return Handoff(**{name: value for name, value in values[1].items() if name in known})


def obstacle(header: RunHeader, notes: dict[str, Any]) -> str | None:
    """Why the run cannot travel: others in this store count on it, or it on them."""
    if header.parent:
        return f"it is a child of run {header.parent[0]!r}, which waits here"
    if header.has_services:
        return "it was started with services of its own, which are objects of this program"
    if "schedule" in header.lineage:
        return "it was started by a schedule, which looks after its runs here"
    if notes.get("children") or "await" in notes:
        return "it has started child runs, which stay here"
    if notes.get("holds"):
        return f"it holds, or waits for, {', '.join(notes['holds'])}, and that is of this store"
    if notes.get("watchers"):
        return "another run here waits for its end"
    return "calls still add to it before it begins" if "forming" in notes else None


def is_busy(summary: list[Any]) -> bool:
    """Something is under way whose outcome comes to this engine."""
    return any(_is_busy(kind, wait) for _, _, _, kind, _, wait in summary[records.TASKS])


def _is_busy(kind: str, wait: Any) -> bool:
    if wait is None or wait == UNBEGUN:
        return False
    if kind == "activity":
        return wait[0] in IN_FLIGHT or wait[0] == PARKED
    return kind in _ASKS


def timers(header: RunHeader, summary: list[Any]) -> list[str]:
    """Keys of all timers that the run has in a store that drives it."""
    found = [
        keys.timer(wait["deadline"], header.id, wait["task"], wait["step"])
        for wait in records.waits(summary)
        if wait.get("deadline")
    ]
    found += [scopes.timer(header.id, scope) for scope in scopes.running(records.notes_of(summary))]
    if header.deadline and not header.cancel_requested:
        found.append(keys.timer(header.deadline, header.id, *keys.WHOLE_RUN))
    return found

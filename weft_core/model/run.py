"""A run: its record for people and indexes, and the live state of its tasks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from weft_core.model.operations import Operation

Status = Literal[
    "pending",
    "running",
    "suspended",
    "needs_attention",
    "completed",
    "failed",
    "cancelled",
    "timed_out",
    "terminated",
    "held",
    "dead",
    "transferring",
    "moved",
]
Value = list[Any]
"""``[version, encoded or None]``: a durable value. None: it is deleted, and keeps its version."""
FINISHED: frozenset[str] = frozenset({"completed", "failed", "cancelled", "timed_out", "terminated"})
STOPPED: frozenset[str] = frozenset({"held", "dead"})
"""Neither finished nor stepping: waiting for code (held) or for a person (dead letter)."""


AWAY: frozenset[str] = frozenset({"transferring", "moved"})
"""Not this engine's to drive: on its way to another one, or there."""


@dataclass(slots=True)
class RunHeader:
    """The record of a run that lists and indexes read. It changes rarely: at start, finish, and attribute changes."""

    id: str
    workflow: str
    version: str
    status: Status
    created_at: int
    updated_at: int
    input: bytes
    code: str | None = None
    """Name of the stored source this run was last driven with."""
    finished_at: int | None = None
    result: bytes | None = None
    error: dict[str, Any] | None = None
    idempotency_key: str | None = None
    cancel_reason: str | None = None
    cancel_requested: bool = False
    attributes: dict[str, bytes] = field(default_factory=dict)
    """Encoded: a record must be readable where the classes of its attributes are not."""
    signals: list[str] = field(default_factory=list)
    steps: int = 0
    epoch: int = 0
    """Epoch of the owner that last wrote this record."""
    next_seq: int = 1
    """Number of the next event, as far as this record knows; the checkpoint may know better."""
    mail_seq: int = 0
    exposed: dict[str, bytes] = field(default_factory=dict)
    """What the run had exposed when it finished."""
    # what most runs do not have
    tags: list[str] = field(default_factory=list)
    """In order of their names."""
    deadline: int = 0
    """Its execution timeout as an instant; 0 for none."""
    ends_as: Status = "cancelled"
    """What a run becomes that ends with RunCancelled."""
    parent: list[Any] = field(default_factory=list)
    """``[run id, task, step, close policy]`` of the run that started it as a child; empty for others."""
    has_services: bool = False
    """It was started with ``services``, which are not stored: after a restart they must be resolved anew."""
    headers: dict[str, str] = field(default_factory=dict)
    """Carried from interceptors to activities and remote workers, for example a trace id."""
    lineage: dict[str, Any] = field(default_factory=dict)
    """Where it comes from: ``forked_from``, ``restarted_from``, ``schedule`` ..."""
    generation: int = 0
    """How often its id has begun anew, by a restart or a rewind; part of the idempotency keys of its steps."""
    highest: int = 0
    """The last step number that was given under this id, where it is not ``steps``: a run that takes over the id goes
    on from it, so that no answer to the one before can be taken for one to itself."""
    retain: int = 0
    """How many checkpoints are retained behind the one it stands at."""
    kept: list[str] = field(default_factory=list)
    """Kinds of records that it has beside those of every run, ``state`` for example: where to look for more of it."""
    was: Status = "running"
    """Of a stopped run: what it was before, and will be again."""
    origin: str = ""
    """The id of the store that it was started in, where that is another one or it has moved: part of its keys (G5)."""
    moves: int = 0
    """How often it has changed its owner, or was about to; the higher number is right."""
    away: str = ""
    """Where its owner is, of a run that has moved. What is here is a copy of the record and of the log."""
    indexed: tuple[str, ...] = field(default=(), compare=False)
    """Not stored: the index rows that the store holds for it."""

    def address(self, step: int) -> int:
        """A step as others know it who are to answer it: also a later run of the same id has none that is equal."""
        return (self.created_at & 0x7FFFFFFF) << 32 | step


UNBEGUN: list[Any] = ["anew"]
"""The note of an operation that is to be begun anew, because its run was put back to it."""


class Task:
    """One line of control in a run: the root, or a branch of a group.

    ``frame`` is a suspended durable coroutine, or None for a branch that is a single operation.
    ``wait`` is the operation kind's own durable note of where it stands; plain values only.
    """

    __slots__ = ("done", "frame", "id", "op", "parent", "step", "wait")

    def __init__(self, id: int, parent: int | None, frame: Any = None) -> None:
        self.id, self.parent, self.frame = id, parent, frame
        self.op: Operation[Any] | None = None
        self.step = 0
        self.wait: list[Any] = []
        self.done = False


@dataclass(slots=True)
class BufferedSignal:
    """A signal or update that was accepted and that nothing has consumed yet."""

    seq: int
    name: str
    payload: bytes
    update_id: str | None = None
    """Of an update: it is buffered as signals are, and answered."""
    taken: bool = False
    """An update that a wait has consumed and that is not answered yet."""

    def state(self) -> list[Any]:
        """Its first fields, as many as it has, in a note."""
        state = [self.seq, self.name, self.payload]
        return state if self.update_id is None else [*state, self.update_id]


@dataclass(slots=True)
class Handlers:
    """What a run has for messages that it does not wait for, by name; its own functions."""

    updates: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any] | None]] = field(default_factory=dict)
    """Handler and validator."""
    signals: dict[str, Callable[[Any], Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Migrated:
    """How a run came to the version it is on now."""

    to_version: str
    signals: list[str]
    how: Literal["migration", "structure"]
    """By a migration, or because the code fits as it is."""
    instead: Operation[Any] | None = None
    """Begin this; what the root waits for is let go."""
    obsolete: list[str] = field(default_factory=list)
    """Keys of records that belong to the checkpoint before."""


class RunState:
    """A run in memory. Everything here but ``header`` and ``mailbox`` is rebuilt from the checkpoint."""

    __slots__ = (
        "active", "attentive", "attribute_types", "chunks", "completed", "ctx", "exposed", "externals", "handlers",
        "header", "logged", "mail_seq", "mailbox", "migrated", "next_seq", "next_task", "notes", "on_cancel", "past",
        "queries", "session", "steps", "streams", "tasks", "unanswered", "uncommitted", "values", "window",
    )  # fmt: skip

    def __init__(self, header: RunHeader, ctx: Any, externals: Any) -> None:
        self.header = header
        self.ctx = ctx
        self.externals = externals
        self.tasks: dict[int, Task] = {}
        self.next_task = 0
        self.steps = 0
        """Operations begun; the last step number given."""
        self.completed = 0
        """Operations completed."""
        self.next_seq = 1
        """Sequence number of the next event; numbers have no gap."""
        self.mailbox: deque[BufferedSignal] = deque()
        self.mail_seq = 0
        self.exposed: dict[str, bytes] = {}
        self.notes: dict[str, Any] = {}
        """Durable facts that few runs have, as plain values: ``holds`` (``kind/name`` of shared objects that must hear
        of its end), ``watchers`` (``[run, task, step]`` that wait for its end), ``children`` (it has started some),
        ``answered`` (ids of updates that its frames will answer once more, in vain), ``forming`` (the key of the
        record by which calls find it that would add to it)."""
        self.on_cancel: list[Any] = []
        """Operations and durable calls that run, the last one first, if the run is cancelled or timed out."""
        self.session: dict[str, Any] = {}
        """What ``ctx.state.session`` holds: live values, in the checkpoint's graph."""
        self.values: dict[str, Value] = {}
        """What ``ctx.state.execution`` holds, as it is stored; complete."""
        self.streams: Any = None
        """Where its streams stand (:class:`weft_core.machine.streams.Streams`); None while it has none."""
        self.queries: dict[str, Callable[..., Any]] = {}
        self.handlers: Handlers | None = None
        self.attentive = False
        """It has handlers, or waits for conditions: every turn ends with a look at them."""
        self.unanswered: dict[str, BufferedSignal] = {}
        """Updates that the workflow has taken, by id; each owes an answer."""
        self.logged: list[tuple[str, dict[str, bytes]]] = []
        """What ``ctx.log`` said since the last suspension."""
        self.chunks: Any = None
        """What of its checkpoint is kept in chunks (:class:`weft_core.codec.Chunks`); None while that is small."""
        self.attribute_types: Mapping[str, Any] = {}
        """Those that its workflow declares, by name."""
        self.past: Any = None
        """Its retained checkpoints (:class:`weft_core.machine.past.Past`); None if none are retained."""
        self.migrated: Migrated | None = None
        """It has been brought to other code since its checkpoint; its next turn makes that durable."""
        self.active = False
        """Whether the store's ``active/`` index names this run."""
        self.uncommitted = 0
        """Turns in commits that are not durable yet."""
        self.window: Any = None
        """What of its event log is kept (:class:`weft_core.machine.window.EventWindow`); None: all of it."""

    @property
    def id(self) -> str:
        return self.header.id

    @property
    def finished(self) -> bool:
        return self.header.status in FINISHED

    def add_task(self, parent: int | None, frame: Any = None) -> Task:
        task = Task(self.next_task, parent, frame)
        self.next_task += 1
        self.tasks[task.id] = task
        return task

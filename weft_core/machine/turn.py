"""A turn: one message for one run, decided until nothing more answers at once.

The turn drives the run's frames itself (they are synchronous between two awaits) and collects what must be written and
what must be done afterwards. It performs neither: the engine commits first, then acts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from weft_core import codec
from weft_core.errors import (
    ActivityNotRegisteredError,
    ComputedTooLong,
    PayloadTooLargeError,
    QueueNotDeclaredError,
    RunCancelled,
    WeftError,
)  # fmt: skip
from weft_core.machine import failure, marks, scopes
from weft_core.machine.effects import ArmTimer, Effect, Post
from weft_core.machine.farewell import stored
from weft_core.machine.mail import mail_row
from weft_core.model import keys
from weft_core.model.limits import Limits
from weft_core.model.messages import Annotate, Message, StepMessage, TimerFired, UpdateArrived
from weft_core.model.operations import AwaitResume, Operation, WaitSignal, WaitUpdate
from weft_core.model.retry import RetryPolicy
from weft_core.model.run import UNBEGUN, BufferedSignal, RunHeader, RunState, Task
from weft_core.ports import Op, Stretch

_SCALARS = frozenset({int, str, float, bool, bytes, type(None)})


class ActivitySpec(Protocol):
    """What a turn must know of an activity."""

    retry: RetryPolicy
    timeout_ms: int | None
    total_timeout_ms: int | None
    heartbeat_ms: int | None
    key_of: Callable[..., str] | None
    """Its idempotency key, from its arguments."""
    verify: Callable[..., Any] | None
    queue: str | None
    priority: int | None
    key: str | Callable[..., Any] | None
    """Its key in the queue, or the function of its arguments that says it."""
    transactional: bool


class Hooks(Protocol):
    """How one kind of operation begins, is woken, is let go of, and is derived again after a crash.

    ``begin`` either answers at once (``turn.answer`` / ``turn.fail``) or leaves a durable note in ``task.wait``.
    """

    def begin(self, turn: Turn, task: Task, op: Any) -> None: ...

    def deliver(self, turn: Turn, task: Task, message: Any) -> None:
        """A message for this very step."""

    def child_done(self, turn: Turn, task: Task, child: Task, ok: bool, value: Any) -> None:
        """A branch of this operation has ended."""

    def cancel(self, turn: Turn, task: Task) -> bool:
        """Let go of what is waited for. True: let go; False: it will end later, and ``child_done`` tells."""
        ...

    def drop(self, turn: Turn, task: Task) -> None:
        """Let go without running code: the run is terminated."""

    def recover(self, turn: Turn, task: Task) -> None:
        """Do again what a crash may have lost; storing a timer again is harmless."""

    def release(self, turn: Turn, task: Task) -> None:
        """Do what had to wait until the run was no longer suspended."""

    def hurry(self, turn: Turn, task: Task) -> None:
        """Do now what waits only to be tried again."""


class Life(Protocol):
    """What happens to a run as a whole: how it begins, is paused, recovered and ended."""

    def decide(self, turn: Turn, message: Message) -> None:
        """A message for the run."""

    def timer(self, turn: Turn, message: TimerFired) -> None:
        """A timer of the run itself, or of one of its scopes."""

    def answer_lost(self, turn: Turn, task: Task) -> None:
        """A cancel takes the place of an answer that its frame has not seen."""

    def body_ended(self, turn: Turn, task: Task, ok: bool, value: Any) -> None:
        """The workflow's function has returned or raised."""


class Attention(Protocol):
    """What a run does about messages beside waiting for them: its handlers, its conditions, its updates."""

    def accept_update(self, turn: Turn, message: UpdateArrived) -> None: ...

    def attend(self, turn: Turn) -> bool:
        """Every frame waits: give buffered messages to handlers, look at conditions. True: a frame can go on."""
        ...

    def run_ends(self, turn: Turn) -> None:
        """Answer what is left."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What is the same for all turns of an engine."""

    activities: Mapping[str, ActivitySpec]
    hooks: Mapping[type[Operation[Any]], Hooks]
    life: Life
    attention: Attention
    limits: Limits
    chance: Callable[[], float]
    now_ms: Callable[[], int]
    """The time at this line of the body, which may have computed for long since its turn began: a wait begins here."""
    queues: Collection[str] = ()
    """Names of those that are declared."""
    ticket: Callable[[], int] = lambda: 0
    """A number for who begins to wait in a queue; they only grow, also from one engine to the next."""
    can_transact: Callable[[str], bool] = lambda activity: False
    """Whether the transactional activity of this name can be attempted."""
    stretch: Stretch = field(default_factory=Stretch)
    """Told of each turn: a host may end one that computes for too long."""
    intercept: Callable[[RunHeader, Operation[Any]], Operation[Any]] | None = None
    """What interceptors make of an operation that begins; what it raises is raised at the line that awaits."""


@dataclass(slots=True)
class Turn:
    """One decision under way. ``ops``, ``events`` and ``effects`` are its outcome."""

    run: RunState
    now: int
    rules: Rules
    ops: list[Op] = field(default_factory=list)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    ready: deque[tuple[Task, bool, Any]] = field(default_factory=deque)
    header_changed: bool = False
    taken: dict[int, list[BufferedSignal]] = field(default_factory=dict)
    """By task, the signals in the answer that waits for it in ``ready``: no code of the author's has seen them yet."""

    # -- messages

    def deliver(self, message: Message) -> None:
        """Decide one message to its end."""
        if isinstance(message, StepMessage):
            task = self.run.tasks.get(message.task)
            if task is not None and task.step == message.step and self.waits(task):
                self.rules.hooks[type(task.op)].deliver(self, task, message)  # type: ignore[index]
            elif type(message) is TimerFired and message.task < 0:
                self.rules.life.timer(self, message)
        else:
            self.rules.life.decide(self, message)
        self.settle()

    def waiting_for(self, signal: BufferedSignal) -> Task | None:
        """The task that has waited longest for it."""
        wanted: type[WaitSignal | WaitUpdate[Any, Any]] = WaitSignal if signal.update_id is None else WaitUpdate
        tasks = self.run.tasks.values()
        waiting = [t for t in tasks if type(t.op) is wanted and t.op.label == signal.name and t.wait and self.waits(t)]
        return min(waiting, key=lambda t: t.step) if waiting else None

    def offer(self, signal: BufferedSignal) -> None:
        """To the task that has waited longest for it, or into the mailbox, in order of acceptance."""
        run = self.run
        first = self.waiting_for(signal)
        if first is not None:
            self.rules.hooks[type(first.op)].deliver(self, first, signal)  # type: ignore[index]
        else:
            if not run.mailbox or run.mailbox[-1].seq < signal.seq:
                run.mailbox.append(signal)
            else:  # one that was given back
                run.mailbox.insert(sum(1 for s in run.mailbox if s.seq < signal.seq), signal)
            self.ops.append(mail_row(run.id, signal))

    def give_back(self, signals: Iterable[BufferedSignal]) -> None:
        """They answered waits of branches that were beaten: nobody has seen them, so they are still to be had (G7)."""
        past = self.run.past
        for signal in signals:
            if past is not None:
                past.gave_back(signal)
            if signal.update_id is None:
                self.event("signal_returned", name=signal.name)
            else:
                self.event("update_returned", name=signal.name, update_id=signal.update_id)
                del self.run.unanswered[signal.update_id]
            self.offer(signal)

    # -- what operation hooks call

    def event(self, type_: str, /, **data: Any) -> None:
        """Add an entry to the event log."""
        self.events.append((type_, data))

    def annotate(self, change: Annotate) -> None:
        """Change tags and search attributes. ``LimitExceededError`` leaves them as they were."""
        if marks.annotate(self.run.header, change, self.rules.limits, self):
            self.header_changed = True

    def answer(self, task: Task, value: Any) -> None:
        """The operation of ``task`` has this value."""
        self._completed(task, True, value)

    def fail(self, task: Task, error: BaseException) -> None:
        """The operation of ``task`` raises this error."""
        self._completed(task, False, error)

    def _completed(self, task: Task, ok: bool, value: Any) -> None:
        if self.run.streams is not None:
            self.run.streams.decided(task.step, ok)
        task.op, task.wait = None, []
        self.run.completed += 1
        self.ready.append((task, ok, value))

    def add_timer(self, task: Task, deadline_ms: int, kind: bytes = b"") -> None:
        """Store a timer for the current step of ``task``; ``kind`` is ``keys.RETRY`` if it may be hurried."""
        self.ops.append((keys.timer(deadline_ms, self.run.id, task.id, task.step), kind))
        self.effects.append(ArmTimer(deadline_ms))

    def drop_timer(self, task: Task, deadline_ms: int) -> None:
        self.ops.append((keys.timer(deadline_ms, self.run.id, task.id, task.step), None))

    def post(self, run_id: str, content: list[Any]) -> None:
        """Leave a message for another run (its forms: ``engine/posts.py``)."""
        self.leave(Post(keys.post(run_id, self.post_id()), content))

    def ask(self, task: Task, kind: str, name: str, request: list[Any]) -> None:
        """Ask a shared object for something on behalf of ``task``; the answer comes as a :class:`Reply`."""
        self.leave(Post(keys.ask(kind, name, self.post_id()), [request, *self.address(task)]))

    def spawn(self, content: list[Any]) -> None:
        """Ask for a child run: ``[workflow, input, start options, [*address of the step, close policy]]``."""
        self.run.notes["children"] = True
        self.leave(Post(keys.spawn(self.run.id, self.post_id()), content))

    def leave(self, post: Post) -> None:
        """Write down a post, and bring it on its way."""
        self.ops.append(stored(post))
        self.effects.append(post)

    def post_id(self) -> str:
        """Names what is left for others. Unique: a turn that leaves posts also logs an event, so the next one begins
        with another number. In the order in which they are left, which is that of their keys after a crash."""
        return f"{self.run.id}.{self.run.next_seq:012x}.{len(self.ops):06x}"

    def address(self, task: Task) -> list[Any]:
        """Where answers to what ``task`` asks others now are sent."""
        return [self.run.id, task.id, self.run.header.address(task.step)]

    def arm_scope(self, scope: scopes.Scope) -> None:
        """Store the timer of a ``ctx.timeout`` scope."""
        self.ops.append((scopes.timer(self.run.id, scope), b""))
        self.effects.append(ArmTimer(scope[scopes.DEADLINE]))

    def copy(self, values: tuple[Any, ...], what: str) -> tuple[Any, ...]:
        """The values as another frame or an activity may have them: equal, and sharing nothing that can change."""
        limit = self.rules.limits.max_payload_bytes
        if all(type(v) in _SCALARS for v in values):
            size = sum(len(v) for v in values if isinstance(v, (str, bytes)))
            if size > limit:
                raise PayloadTooLargeError(what=what, actual=size, limit=limit)
            return values
        data = codec.dumps(values, externals=self.run.externals)
        if len(data) > limit:
            raise PayloadTooLargeError(what=what, actual=len(data), limit=limit)
        copied: tuple[Any, ...] = codec.loads(data, externals=self.run.externals)
        return copied

    def begin(self, task: Task, op: Operation[Any]) -> None:
        """Start an operation on behalf of ``task``; if the run is suspended, when it is resumed."""
        run = self.run
        run.steps += 1
        task.op, task.step, task.wait = op, run.steps, []
        if run.header.status == "suspended":
            task.wait = [*UNBEGUN]
            return
        if self.rules.intercept is not None:
            try:
                task.op = op = self.rules.intercept(run.header, op)
            except Exception as refusal:
                self.fail(task, failure.durable_error(refusal, op.label))
                return
        try:
            self.rules.hooks[type(op)].begin(self, task, op)
        except (ActivityNotRegisteredError, QueueNotDeclaredError):
            raise  # code is missing, as when a workflow is: the run is held until it is there
        except WeftError as refusal:  # raised at the line that awaits, as an ordinary error of the author's
            if task.op is not None:
                self.fail(task, refusal)

    def finish_task(self, task: Task, ok: bool, value: Any) -> None:
        """A line of control has come to its end."""
        task.frame = task.op = None
        if task.parent is None:
            self.rules.life.body_ended(self, task, ok, value)
            return
        self.forget(task)
        parent = self.run.tasks[task.parent]
        assert parent.op is not None
        self.rules.hooks[type(parent.op)].child_done(self, parent, task, ok, value)

    def forget(self, task: Task) -> None:
        """This line of control is no more."""
        task.done = True
        del self.run.tasks[task.id]

    def cancel_task(self, task: Task, within: scopes.Scope | None = None) -> None:
        """Raise ``RunCancelled`` at the task's suspension point, once whatever it waits for has let go.

        ``within`` is the scope whose time is over; none: it is cancelled from outside of all its scopes.
        """
        if "scopes" in self.run.notes:
            void = scopes.void(self.run.notes, task.id, within)
            self.ops.extend((scopes.timer(self.run.id, scope), None) for scope in void)
        for i, (waiting, _, _) in enumerate(self.ready):
            if waiting is task:
                self.ready[i] = (task, False, RunCancelled())
                if self.run.notes:
                    self.rules.life.answer_lost(self, task)
                self.give_back(self.taken.pop(task.id, ()))
                return
        if task.op is not None and self.let_go(task):
            self.fail(task, RunCancelled())

    @staticmethod
    def waits(task: Task) -> bool:
        """Its operation is begun, and has no answer yet."""
        return task.op is not None and task.wait != UNBEGUN

    def let_go(self, task: Task) -> bool:
        """Have it wait no more; False: it will end later."""
        assert task.op is not None
        return task.wait == UNBEGUN or self.rules.hooks[type(task.op)].cancel(self, task)

    # -- driving frames

    def settle(self) -> None:
        """Resume frames until every task waits for something that is not here yet."""
        self._drive()
        while self.run.attentive and self.rules.attention.attend(self):
            self._drive()

    def _drive(self) -> None:
        ready = self.ready
        while ready:
            task, ok, value = ready.popleft()
            if task.done:
                continue
            if task.frame is None and task.parent is not None:
                self.finish_task(task, ok, value)
                continue
            if self.run.header.status == "suspended":
                self.rules.hooks[AwaitResume].hold(self, task, ok, value)  # type: ignore[attr-defined]
                continue
            if task.frame is None:
                self.finish_task(task, ok, value)
                continue
            if self.taken:
                self.taken.pop(task.id, None)
            self._resume(task, ok, value)

    def _resume(self, task: Task, ok: bool, value: Any) -> None:
        frame = task.frame
        try:
            op = frame.send(value) if ok else frame.throw(value)
            while not isinstance(op, Operation):
                op = frame.throw(failure.foreign_await(frame, op))
        except StopIteration as stop:
            ok, value = True, stop.value
        except (KeyboardInterrupt, ComputedTooLong):  # a SystemExit is of this run, and would stop all others
            raise
        except BaseException as error:
            ok, value = False, error
        else:
            self.drain_log()
            self.begin(task, op)
            return
        self.finish_task(task, ok, value)  # not in a handler: its exception would be the context of all that follow

    def drain_log(self) -> None:
        """Turn what the author's code has logged into events."""
        logged, limit = self.run.logged, self.rules.limits.max_payload_bytes
        if logged:
            for message, data in logged:
                size = len(message) + sum(map(len, data.values()))
                if size > limit:
                    message, data = f"{message[:200]}… ({size:,} bytes, more than are logged)", {}
                self.event("logged", message=message, **({"data": data} if data else {}))
            logged.clear()

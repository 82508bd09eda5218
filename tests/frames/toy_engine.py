"""A toy engine: just enough of one to drive durable functions, crash them and restore them.

It shows what frames need of an engine: operations are plain data that coroutines hand out when they are awaited; the
whole run, tasks and all, is one graph of values that is snapshotted together.
"""

from __future__ import annotations

from weft_core.codec import register
from weft_core.errors import Evict
from weft_core.frames import durable, evict, restore, snapshot


class Waiting:
    """What the innermost frame is suspended in. Plain data, so it can be stored.

    Protocol: the first resume hands the operation to the driver; the next one is its result (``send(result)``, which
    arrives as ``__next__`` when the result is None) or its error (``throw``).
    """

    __slots__ = ("op", "asked")

    def __init__(self, op):
        self.op, self.asked = op, False

    def __iter__(self):
        return self

    __await__ = __iter__

    def __next__(self):
        if self.asked:
            self.op = None
            raise StopIteration(None)
        self.asked = True
        return self.op

    def send(self, value):
        self.op = None
        raise StopIteration(value)

    def throw(self, typ, val=None, tb=None):
        self.op = None
        raise typ if val is None else val

    def close(self):
        self.op = None


def _set_waiting(o, op):
    o.op, o.asked = op, False


register(Waiting, name="toy:Waiting", get=lambda o: o.op, set=_set_waiting)


class Value:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class Raise:
    __slots__ = ("exc",)

    def __init__(self, exc):
        self.exc = exc


@register(name="toy:Op")
class Op:
    __slots__ = ("kind", "name", "args")

    def __init__(self, kind, name, args):
        self.kind, self.name, self.args = kind, name, args

    def __await__(self):
        return Waiting(self)

    __iter__ = __await__  # in generators: x = yield from ctx.run(...)

    def __repr__(self):
        return f"Op({self.kind}, {self.name!r}, {self.args!r})"


@register(name="toy:Task")
class Task:
    __slots__ = ("coro", "state", "result", "pending", "parent", "joiners")

    def __init__(self, coro, parent=None):
        self.coro, self.state, self.result, self.pending, self.parent = coro, "new", None, None, parent
        self.joiners = []

    def __await__(self):
        return Waiting(Op("join", "join", (self,)))

    __iter__ = __await__


class Cancelled(BaseException):
    """Thrown into the siblings of a failed task."""


class Ctx:
    """The workflow's context: the host's object, an external in snapshots."""

    def run(self, name, *args):
        return Op("run", name, args)

    def sleep(self, secs):
        return Op("sleep", str(secs), (secs,))

    def all(self, ops):
        return Op("all", "all", (list(ops),))

    def spawn(self, coro):
        """Start a durable coroutine concurrently; ``await`` the returned task for its result."""
        return Op("spawn", "spawn", (Task(coro),))

    def group(self):
        return Group(self)

    def gather(self, *coros):
        """Structured concurrency: one operation that owns child tasks."""
        return Op("gather", "gather", ([Task(c) for c in coros],))


@register(name="toy:Group")
class Group:
    """``async with ctx.group() as g: g.start(...)``: all children are finished when the block is left."""

    def __init__(self, ctx):
        self.ctx, self.tasks = ctx, []

    @durable
    async def start(self, coro):
        t = await self.ctx.spawn(coro)
        self.tasks.append(t)
        return t

    @durable
    async def __aenter__(self):
        return self

    @durable
    async def __aexit__(self, typ, exc, tb):
        if exc is not None:
            for t in self.tasks:
                await Op("cancel", "cancel", (t,))
        first = None
        for t in self.tasks:
            try:
                await t
            except Cancelled:
                pass
            except Exception as e:
                if first is None:
                    first = e
                    for u in self.tasks:
                        await Op("cancel", "cancel", (u,))
        if first is not None and exc is None:
            raise first
        return False


class Workflow:
    """One run. Whoever drives it completes or fails the tasks in ``waiting``."""

    def __init__(self, ctx, root):
        self.ctx, self.root = ctx, root
        self.ready = []
        self.waiting = []  # tasks suspended in leaf operations

    @classmethod
    def start(cls, ctx, fn, *args):
        w = cls(ctx, Task(fn(ctx, *args)))
        w.ready.append((w.root, None))
        w.drain()
        return w

    @property
    def done(self):
        return self.root.state in ("done", "failed")

    # -- scheduling

    def drain(self):
        while self.ready:
            self.advance(*self.ready.pop(0))

    def advance(self, task, message):
        try:
            if message is None:
                op = task.coro.send(None)
            elif type(message) is Raise:
                op = task.coro.throw(message.exc)
            else:
                op = task.coro.send(message.value)
        except StopIteration as e:
            task.state, task.result, task.coro = "done", e.value, None
            self.finished(task)
        except Evict:
            raise
        except BaseException as e:
            task.state, task.result, task.coro = "failed", e, None
            self.finished(task)
        else:
            task.state, task.pending = "blocked", op
            getattr(self, "on_" + op.kind, self.on_leaf)(task, op)

    def on_leaf(self, task, op):
        self.waiting.append(task)

    def on_gather(self, task, op):
        children = op.args[0]
        if not children:
            self.ready.append((task, Value([])))
        for child in children:
            child.parent = task
            self.ready.append((child, None))

    def on_spawn(self, task, op):
        self.ready.append((op.args[0], None))
        self.ready.append((task, Value(op.args[0])))

    def on_cancel(self, task, op):
        if op.args[0].state in ("blocked", "new"):
            self.cancel(op.args[0])
        self.ready.append((task, Value(None)))

    def on_join(self, task, op):
        other = op.args[0]
        if other.state in ("done", "failed"):
            self.ready.append((task, _outcome(other)))
        else:
            other.joiners.append(task)

    def finished(self, task):
        for joiner in task.joiners:
            joiner.pending = None
            self.ready.append((joiner, _outcome(task)))
        task.joiners = []
        parent = task.parent
        if parent is None or parent.pending is None:
            return
        children = parent.pending.args[0]
        if task.state == "failed" and parent.result is None and not isinstance(task.result, Cancelled):
            parent.result = task.result  # the first failure wins
            for child in children:
                if child.state in ("blocked", "new"):
                    self.cancel(child)
        if all(c.state in ("done", "failed") for c in children):
            parent.pending = None
            exc, parent.result = parent.result, None
            self.ready.append((parent, Raise(exc) if exc is not None else Value([c.result for c in children])))

    def cancel(self, task):
        """Throw Cancelled into the task; its finally blocks run and may await."""
        if task.state == "new":
            self.ready = [r for r in self.ready if r[0] is not task]
            task.coro.close()
            task.state, task.result, task.coro = "failed", Cancelled(), None
        elif task in self.waiting:
            self.waiting.remove(task)
            task.pending = None
            self.ready.append((task, Raise(Cancelled())))
        elif task.pending is not None and task.pending.kind == "gather":
            if task.result is None:
                task.result = Cancelled()
            for child in task.pending.args[0]:
                if child.state in ("blocked", "new"):
                    self.cancel(child)

    # -- completion of leaf operations

    def complete(self, task, value):
        self._answer(task, Value(value))

    def fail(self, task, exc):
        self._answer(task, Raise(exc))

    def _answer(self, task, message):
        self.waiting.remove(task)
        task.pending = None
        self.ready.append((task, message))
        self.drain()

    def step(self, do):
        """Do the first waiting operation: ``do(op)`` returns its result or raises its error."""
        task = self.waiting[0]
        try:
            value = do(task.pending)
        except Exception as e:
            self.fail(task, e)
        else:
            self.complete(task, value)

    def result(self):
        if self.root.state == "failed":
            raise self.root.result
        return self.root.result

    # -- durability

    def snapshot(self):
        return snapshot([self.root, self.waiting], {"ctx": self.ctx})

    @classmethod
    def restore(cls, data, ctx):
        root, waiting = restore(data, {"ctx": ctx}).root
        w = cls(ctx, root)
        w.waiting = waiting
        return w

    def evict(self):
        """Forget the run. None of its code runs."""
        evict([self.root, self.waiting], {"ctx": self.ctx})

    def crash(self):
        """The run as another process would find it."""
        data = self.snapshot()
        self.evict()
        return Workflow.restore(data, self.ctx)


def _outcome(task):
    return Raise(task.result) if task.state == "failed" else Value(task.result)


def run(fn, *args, do, crash=None, limit=100_000):
    """Drive a workflow to its end. ``crash(i)`` says whether to crash and restore at suspension ``i``."""
    w = Workflow.start(Ctx(), fn, *args)
    for i in range(limit):
        if w.done:
            return w.result()
        if crash is not None and crash(i):
            w = w.crash()
        w.step(do)
    raise RuntimeError("too many steps")

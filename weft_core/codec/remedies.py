"""What to do about a value that cannot be written, by its type."""

from __future__ import annotations

import types
from typing import Any

_FILE = "read or write it inside an activity, and keep its path or content in the workflow"
_LOCK = "a run is alone with its variables, so it needs no lock; use ctx.mutex between runs"
_TASK = "start concurrent work with ctx.all or ctx.race, not with asyncio"
_ITEMS = "materialise it first: list(...)"
_LAZY = (
    "make the iterator in the durable function itself, where Weft follows it (not in a helper: CPython's own does not "
    "tell its state), or use list(...)"
)

_EVENT = "wait with ctx.wait_for_signal or ctx.wait_until; what happens in this process is lost when it ends"
_DATABASE = "open the database inside an activity; keep its path in the workflow"
_VALUE = "read its value into a variable"
_BUFFER = "keep the content instead: .getvalue(), or a list of parts that is joined at the end"

_REMEDIES = {
    "generator": "materialise it first: list(...), or decorate the generator function with @durable",
    "async_generator": "collect the items into a list, or decorate the async generator function with @durable",
    "coroutine": "decorate the async function with @durable",
    "_thread.lock": _LOCK,
    "_thread.RLock": _LOCK,
    "asyncio.locks.Lock": _LOCK,
    "threading.Condition": _LOCK,
    "asyncio.locks.Condition": _LOCK,
    "threading.Event": _EVENT,
    "asyncio.locks.Event": _EVENT,
    "asyncio.queues.Queue": _EVENT,
    "queue.Queue": _EVENT,
    "_queue.SimpleQueue": _EVENT,
    "threading.Semaphore": "use ctx.semaphore",
    "threading.BoundedSemaphore": "use ctx.semaphore",
    "asyncio.locks.Semaphore": "use ctx.semaphore",
    "threading.Thread": "start it, and wait for it, inside one activity",
    "concurrent.futures.thread.ThreadPoolExecutor": "make it inside an activity, or as a service of the engine",
    "concurrent.futures._base.Future": _TASK,
    "socket.socket": "open connections inside an activity; keep the address in the workflow",
    "sqlite3.Connection": _DATABASE,
    "sqlite3.Cursor": _DATABASE,
    "module": "import it at the top of the workflow's module instead of holding it in a variable",
    "frame": "keep what you need of it: the function's name, the line number",
    "code": "keep the source text, or the function at the top level of the workflow's module",
    "_asyncio.Task": _TASK,
    "_asyncio.Future": _TASK,
    "memoryview": "use bytes(...)",
    "weakref.ReferenceType": "keep the object itself, or an id",
    "weakref.WeakValueDictionary": "use an ordinary dict",
    "weakref.WeakKeyDictionary": "use an ordinary dict",
    "weakref.WeakSet": "use an ordinary set",
    "_contextvars.ContextVar": _VALUE,
    "_contextvars.Token": _VALUE,
    "_contextvars.Context": _VALUE,
    "random.Random": "use ctx.random(), or keep the seed",
    "_random.Random": "use ctx.random(), or keep the seed",
    "decimal.Context": "use decimal.localcontext() between two awaits, or keep the precision",
    "re.Match": "keep what you need of it: .group(), .groups(), .span()",
    "_csv.reader": _ITEMS,
    "contextlib.ExitStack": "write nested `with` blocks, or `async with` over managers that can be stored",
    "contextlib.AsyncExitStack": "write nested `async with` blocks over managers that can be stored",
    "_io.StringIO": _BUFFER,
    "_io.BytesIO": _BUFFER,
}
"""By module and qualified name, without the module for what lives in builtins."""


def remedy_for(value: Any) -> str:
    """One sentence that says how to get along without storing ``value``."""
    cls = type(value)
    name = cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"
    if name in _REMEDIES:
        return _REMEDIES[name]
    if cls.__module__ in ("_io", "io", "tempfile"):
        return _FILE
    if cls.__module__ == "itertools":
        return _LAZY
    if isinstance(value, types.FunctionType):
        return (
            "move the function to the top level of the workflow's module; only functions that live in a workflow's "
            "module "
            "and functions defined inside a durable function can be kept"
        )
    who = value if isinstance(value, type) else cls
    if "<locals>" in who.__qualname__:
        return f"move the class {who.__name__} to the top level of the workflow's module"
    return (
        f"put the class {who.__name__} in the workflow's module or import it there (dataclasses, enums, named tuples "
        f"and "
        f"exceptions need no more), or codec.register({who.__name__}); or do the work inside an activity"
    )

"""The context managers of ``contextlib`` in a checkpoint.

The managers themselves are stored here by what they hold. Those of their methods that await something are coroutines of
the standard library, which no checkpoint can hold; durable functions use ours in their place, found by the method that
they stand for (:func:`stand_in`) and written in :mod:`durable_contexts`, which is loaded when first needed.
"""

from __future__ import annotations

import contextlib
import importlib
import types
from collections import deque
from collections.abc import Callable
from typing import Any

from weft_core.codec import register
from weft_core.codec.wire import damaged

GeneratorManager = contextlib._GeneratorContextManager
AsyncGeneratorManager = contextlib._AsyncGeneratorContextManager
AsyncExitStack = contextlib.AsyncExitStack

_STAND_INS: dict[Any, str] = {
    AsyncGeneratorManager.__aenter__: "enter_generator",
    AsyncGeneratorManager.__aexit__: "exit_generator",
    contextlib.aclosing.__aexit__: "exit_closing",
    AsyncExitStack.__aexit__: "exit_stack",
}
_METHODS: dict[types.CodeType, str] = {
    AsyncExitStack.enter_async_context.__code__: "enter_in_stack",
    AsyncExitStack.aclose.__code__: "close_stack",
    **{method.__code__: name for method, name in _STAND_INS.items()},
}
METHODS = frozenset(("enter_async_context", "aclose", "__aenter__", "__aexit__"))
"""Names of the methods that authors may await themselves."""


def stand_in(method: Any) -> Callable[..., Any] | None:
    """The durable function to be called in place of this method, if there is one."""
    name = _STAND_INS.get(method) if type(method) is types.FunctionType else None
    return None if name is None else _load(name)


def rt_durably(awaitable: Any) -> Any:
    """``awaitable``, or if it is a coroutine of contextlib that has not started: a durable one that does the same."""
    if type(awaitable) is not types.CoroutineType:
        return awaitable
    name = _METHODS.get(awaitable.cr_code)
    if name is None or awaitable.cr_frame is None or awaitable.cr_suspended:
        return awaitable
    owner, *args = dict(awaitable.cr_frame.f_locals).values()
    awaitable.close()
    if name.startswith("exit_"):  # type, error and traceback, or a tuple of them
        args = [args[1] if len(args) > 1 else args[0][1]]
    return _load(name)(owner, *args)


def _load(name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(importlib.import_module("weft_core.frames.durable_contexts"), name)
    return found


# ------------------------------------------------------------------ stored


def _set_generator(manager: Any, generator: Any) -> None:
    # what is needed to use the manager as a decorator is not kept
    vars(manager).update(gen=generator, func=None, args=(), kwds={})


def _callbacks(stack: Any) -> list[list[Any]]:
    """For each callback whether it is synchronous, and the exit method, or the function with its arguments."""
    out = []
    for is_sync, exit_ in stack._exit_callbacks:
        cells = getattr(exit_, "__closure__", None)
        if cells and exit_.__name__ == "_exit_wrapper":
            held = dict(zip(exit_.__code__.co_freevars, (c.cell_contents for c in cells), strict=True))
            out.append([is_sync, held["callback"], list(held["args"]), held["kwds"]])
        else:
            out.append([is_sync, exit_])
    return out


def _set_callbacks(stack: Any, state: Any) -> None:
    stack._exit_callbacks = deque(_callback(stack, *entry) for entry in state)


def _callback(stack: Any, is_sync: bool, function: Any, *arguments: Any) -> tuple[bool, Any]:
    if not callable(function):
        raise damaged("an exit stack with a callback that is none")
    if not arguments:
        return is_sync, function
    args, words = arguments
    make = stack._create_cb_wrapper if is_sync else stack._create_async_cb_wrapper
    wrapper = make(function, *args, **words)
    wrapper.__wrapped__ = function
    return is_sync, wrapper


for _manager in (contextlib.suppress, contextlib.nullcontext, contextlib.closing, contextlib.aclosing):
    register(_manager, name=f"contextlib:{_manager.__name__}")
register(GeneratorManager, name="contextlib:contextmanager", get=lambda m: m.gen, set=_set_generator)
register(AsyncGeneratorManager, name="contextlib:asynccontextmanager", get=lambda m: m.gen, set=_set_generator)
register(contextlib.ExitStack, name="contextlib:ExitStack", get=_callbacks, set=_set_callbacks)
register(AsyncExitStack, name="contextlib:AsyncExitStack", get=_callbacks, set=_set_callbacks)

"""What the context managers of ``contextlib`` do when they are entered and left, as durable functions.

Loaded when the first of them is entered, or found in a checkpoint.
"""

from __future__ import annotations

import sys
import types
from typing import Any

from weft_core.frames.durable import durable
from weft_core.frames.runtime.blocks import rt_aenter, rt_aexit


@durable
async def enter_generator(manager: Any) -> Any:
    """``__aenter__`` of what ``@asynccontextmanager`` makes."""
    for unused in ("args", "kwds", "func"):
        vars(manager).pop(unused, None)
    try:
        return await anext(manager.gen)
    except StopAsyncIteration:
        raise RuntimeError("generator didn't yield") from None


@durable
async def exit_generator(manager: Any, error: BaseException | None) -> bool:
    """``__aexit__`` of what ``@asynccontextmanager`` makes: the generator must end, or raise."""
    generator = manager.gen
    if error is None:
        try:
            await anext(generator)
        except StopAsyncIteration:
            return False
        try:
            raise RuntimeError("generator didn't stop")
        finally:
            await generator.aclose()
    traceback = error.__traceback__
    try:
        await generator.athrow(error)
    except StopAsyncIteration as end:
        return end is not error
    except BaseException as raised:
        wrapped = isinstance(raised, RuntimeError) and isinstance(error, (StopIteration, StopAsyncIteration))
        if raised is not error and not (wrapped and raised.__cause__ is error):
            raise
        error.__traceback__ = traceback
        return False
    try:
        raise RuntimeError("generator didn't stop after athrow()")
    finally:
        await generator.aclose()


@durable
async def exit_closing(manager: Any, error: BaseException | None) -> None:
    """``aclosing.__aexit__``."""
    await manager.thing.aclose()


@durable
async def enter_in_stack(stack: Any, manager: Any) -> Any:
    """``AsyncExitStack.enter_async_context``."""
    entered = await rt_aenter(manager)
    stack._push_async_cm_exit(manager, type(manager).__aexit__)
    return entered


@durable
async def close_stack(stack: Any) -> None:
    """``AsyncExitStack.aclose``."""
    await rt_aexit(stack, None)


@durable
async def exit_stack(stack: Any, error: BaseException | None) -> bool:
    """``AsyncExitStack.__aexit__``: the last callback first, each told of the error that is on its way by then."""
    around = sys.exception()
    received, swallowed, is_new = error is not None, False, False
    while stack._exit_callbacks:
        is_sync, callback = stack._exit_callbacks.pop()
        try:
            details = (None, None, None) if error is None else (type(error), error, error.__traceback__)
            answer = callback(*details) if is_sync else await _call(callback, error)
        except BaseException as raised:
            _chain(raised, error, around)
            error, is_new = raised, True
        else:
            if answer:
                error, swallowed, is_new = None, True, False
    if error is not None and is_new:
        context = error.__context__
        try:
            raise error
        except BaseException:
            error.__context__ = context  # the raise has put what is being handled there
            raise
    return received and swallowed


def _call(callback: Any, error: BaseException | None) -> Any:
    """The awaitable of an asynchronous callback of a stack."""
    if type(callback) is types.MethodType:
        return rt_aexit(callback.__self__, error, callback.__func__)
    if callback.__name__ == "_exit_wrapper" and callback.__closure__:
        cells = (c.cell_contents for c in callback.__closure__)
        held = dict(zip(callback.__code__.co_freevars, cells, strict=True))
        return _without_result(held["callback"], held["args"], held["kwds"])
    details = (None, None, None) if error is None else (type(error), error, error.__traceback__)
    return callback(*details)


@durable
async def _without_result(function: Any, args: Any, words: Any) -> None:
    await function(*args, **words)


def _chain(new: BaseException, old: BaseException | None, around: BaseException | None) -> None:
    """Where the chain of ``new`` leads to what is handled ``around`` the stack, let it lead to ``old`` first, as if the
    ``with`` statements were nested."""
    context = new.__context__
    while context is not None and context is not old and context is not around:
        new, context = context, context.__context__
    if context is not None and context is not old:
        new.__context__ = old

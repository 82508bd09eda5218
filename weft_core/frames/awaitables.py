"""What Python makes for ``anext(g, default)``, ``g.athrow(...)`` and ``g.aclose()``, as parts of a checkpoint.

CPython's objects cannot be made in the middle of their work. Where one of them is awaited when a checkpoint is taken,
the restored frame awaits one of these instead, which does what is left to do.
"""

from __future__ import annotations

import gc
import types
from collections.abc import Callable
from typing import Any

from weft_core.codec import marks


class Awaitable:
    """Drives another awaitable until it ends; :meth:`ended` says what that means."""

    __slots__ = ("inner",)

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __iter__(self) -> Any:
        return self

    __await__ = __iter__

    def __next__(self) -> Any:
        return self.send(None)

    def send(self, value: Any) -> Any:
        return self._step(self.inner.send, value)

    def throw(self, typ: Any, val: Any = None, tb: Any = None) -> Any:
        return self._step(self.inner.throw, typ if val is None else val)

    def close(self) -> None:
        self.inner.close()

    def _step(self, resume: Callable[[Any], Any], value: Any) -> Any:
        try:
            return resume(value)
        except (StopIteration, StopAsyncIteration, GeneratorExit) as error:
            end: BaseException = error
        raise self.ended(end)  # outside the handler: it must not become the context

    def ended(self, end: BaseException) -> BaseException:
        """What this awaitable ends with, given how the inner one ended."""
        raise NotImplementedError


class NextOr(Awaitable):
    """The rest of ``anext(iterator, default)``."""

    __slots__ = ("default",)

    def __init__(self, inner: Any, default: Any) -> None:
        super().__init__(inner)
        self.default = default

    def ended(self, end: BaseException) -> BaseException:
        return StopIteration(self.default) if isinstance(end, StopAsyncIteration) else end


class Closing(Awaitable):
    """The rest of ``generator.aclose()``; ``inner`` is a step of the generator."""

    __slots__ = ("generator",)

    def __init__(self, generator: types.AsyncGeneratorType[Any, Any]) -> None:
        super().__init__(generator.__anext__())
        self.generator = generator

    def ended(self, end: BaseException) -> BaseException:
        yielded = isinstance(end, StopIteration)
        return RuntimeError("async generator ignored GeneratorExit") if yielded else StopIteration()


# ------------------------------------------------------------------ what is behind CPython's own objects


def generator_of_step(o: Any) -> tuple[Any, int] | None:
    """The async generator that ``o`` drives, and the mark it is written with; None if it is none of these objects."""
    if type(o) is Closing:
        return o.generator, marks.ASYNC_CLOSE
    kind = type(o).__name__
    if kind not in ("async_generator_asend", "async_generator_athrow"):
        return None
    parts = gc.get_referents(o)
    generator = next(x for x in parts if isinstance(x, types.AsyncGeneratorType))
    # an athrow() that has begun goes on like an asend(); an aclose() is one without arguments
    closes = kind == "async_generator_athrow" and len(parts) == 1
    return generator, marks.ASYNC_CLOSE if closes else marks.ASYNC_NEXT


def parts_of_next_or(o: Any) -> tuple[Any, Any] | None:
    """What ``anext(iterator, default)`` awaits, and the default; None if ``o`` is no such object."""
    if type(o) is NextOr:
        return o.inner, o.default
    if type(o).__name__ != "anext_awaitable":
        return None
    inner, default = gc.get_referents(o)
    return inner, default

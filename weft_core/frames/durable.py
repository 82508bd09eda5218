"""``@durable``: compile a function so that its frames can be stored."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from weft_core.codec import allow_module
from weft_core.codec.registry import home_of
from weft_core.errors import DefinitionError, TransformError
from weft_core.frames.cache.stored import StoredModule, stored_module, stored_path
from weft_core.frames.cache.thaw import thaw
from weft_core.frames.plan import CODES, Root
from weft_core.frames.refusal import refusal
from weft_core.frames.registry import REGISTRY
from weft_core.frames.runtime.helpers import RT
from weft_core.frames.source.find import SourceFile, absent, file_of, kind_of, locate, unavailable, uses_private
from weft_core.frames.source.texts import show_text

if TYPE_CHECKING:
    import ast  # the compiler is loaded only when something is compiled

F = TypeVar("F", bound=Callable[..., Any])
Refuse = Callable[[str, "ast.AST", str], TransformError]
"""The error for a message, the node it is about, and a reason."""
Check = Callable[["ast.AST", Refuse], None]
"""Looks at the source of a function before it is compiled, and raises what ``Refuse`` makes."""

_roots: dict[tuple[str, int, str, str], Root] = {}
"""(file, line, name, key) -> compiled once, also if the definition runs again."""
_RUNTIME_CELLS = {name: types.CellType(value) for name, value in RT.items()}


@overload
def durable(fn: F, *, name: str | None = None, check: Check | None = None) -> F: ...


@overload
def durable(fn: None = None, *, name: str | None = None, check: Check | None = None) -> Callable[[F], F]: ...


def durable(fn: Any = None, *, name: str | None = None, check: Check | None = None) -> Any:
    """Make an ``async def`` (or generator function) durable: its frames can be stored and resumed.

    It must be the innermost decorator; ``@staticmethod`` and ``@classmethod`` may be under it. ``name`` is what
    checkpoints store, default ``module:qualname``; keep it when the function is renamed or moved. ``check`` may refuse
    it; a function from the build-time cache has passed it.
    Raises :class:`TransformError` or :class:`SourceUnavailableError`.
    """
    if fn is None:
        return functools.partial(durable, name=name, check=check)
    if isinstance(fn, (staticmethod, classmethod)):
        return type(fn)(durable(fn.__func__, name=name, check=check))
    if not isinstance(fn, types.FunctionType):
        raise DefinitionError(f"@durable needs a function defined with def, got {fn!r}")
    if hasattr(fn, "__durable__"):
        return fn
    compiled = CODES.get(id(fn.__code__))
    if compiled is not None and compiled[1].durable:
        return fn  # defined inside a durable function, and compiled with it
    if hasattr(fn, "__wrapped__"):
        raise DefinitionError(
            f"@durable must be the innermost decorator of {fn.__qualname__}: it compiles the function's source, and a "
            f"wrapper added by another decorator is not that function",
            function=fn.__qualname__,
        )
    root = _root_of(fn, name, check)
    cells = dict(zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True))
    live = make_function(root.plan.live_code, fn.__globals__, cells, fn.__name__)
    _copy_looks(fn, live)
    root.fn, root.env, root.globals = live, cells, fn.__globals__
    live.__durable__ = root
    live.__wrapped_source__ = fn
    REGISTRY[root.key] = root
    allow_module(fn.__module__)
    return live


def _root_of(fn: types.FunctionType, name: str | None, check: Check | None) -> Root:
    code = fn.__code__
    key = name or f"{home_of(fn.__module__)}:{fn.__qualname__}"
    file, module = file_of(fn), stored_module(fn.__globals__)
    if file is None and module is not None:
        file = _stored_file(fn, module)
    if file is None:
        raise absent(fn, fn.__globals__.get("__file__"))
    at = (code.co_filename, code.co_firstlineno, code.co_name, key)
    root = _roots.get(at)
    if root is not None and root.lines is file.lines:
        return root
    if module is not None and module.text == file.text:
        root = thaw(key, fn, module, file.lines)
    else:
        root = None
    try:
        _roots[at] = root = root or _live(planned(key, fn, file, check))
    except TransformError as refused:
        # A syntax error shows the author's line and not how the compiler found it.
        raise refused.with_traceback(None) from None
    return root


def _stored_file(fn: types.FunctionType, module: StoredModule) -> SourceFile:
    """The text of a module that came without it, from the cache that was made of it."""
    if not module.is_source_of(fn):
        raise unavailable(
            fn,
            f"cannot be read, and {stored_path(fn.__globals__)} was made from other source",
            "run `weft compile` on the .py file that the program was built from",
        )
    show_text(fn.__code__.co_filename, module.lines)
    file = file_of(fn)
    assert file is not None
    return file


def _live(root: Root) -> Root:
    from weft_core.frames import compile as compiler

    compiler.live_code(root.plan)
    return root


def planned(key: str, fn: types.FunctionType, file: SourceFile, check: Check | None = None) -> Root:
    """The plans of an author's function, from its source. Raises TransformError."""
    code = fn.__code__
    node, cls = locate(fn, file)

    def refuse(message: str, at: ast.AST, reason: str) -> TransformError:
        return refusal(
            message, at, reason=reason, function=fn.__qualname__, filename=code.co_filename, lines=file.lines
        )  # fmt: skip

    if kind_of(node) == "plain":
        raise refuse(
            f"@durable needs an async function or a generator function; {fn.__qualname__} is an ordinary function, "
            f"which cannot be suspended; write `async def`, or call it without @durable",
            node,
            "ordinary-function",
        )
    if check is not None:
        check(node, refuse)
    # Imported when first needed: a program whose functions all come from the build-time cache never needs it.
    from weft_core.frames import compile as compiler

    private = cls if cls and uses_private(node) else None
    names = set(code.co_freevars)
    return compiler.build(key, fn.__qualname__, code.co_filename, node, names, code.co_flags, private, file.lines)


def _copy_looks(fn: Any, live: Any) -> None:
    live.__defaults__, live.__kwdefaults__ = fn.__defaults__, fn.__kwdefaults__
    live.__dict__.update(fn.__dict__)
    live.__qualname__, live.__module__, live.__doc__ = fn.__qualname__, fn.__module__, fn.__doc__
    if sys.version_info >= (3, 14):
        live.__annotate__ = fn.__annotate__
    else:
        live.__annotations__ = fn.__annotations__
    if hasattr(fn, "__type_params__"):
        live.__type_params__ = fn.__type_params__


def make_function(code: Any, globals_: dict[str, Any], env: dict[str, Any], name: str, cells: Any = None) -> Any:
    """A function of transformed code: runtime helpers, then ``cells``, then ``env`` fill its closure."""
    closure = []
    for free in code.co_freevars:
        if free in RT:
            closure.append(_RUNTIME_CELLS[free])
        elif cells is not None and free in cells:
            closure.append(cells[free])
        elif free in env:
            closure.append(env[free])
        else:
            closure.append(types.CellType())
    return types.FunctionType(code, globals_, name, None, tuple(closure))

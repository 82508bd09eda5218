"""Values as text that is the same for equal values, whatever their identity; aliases and cycles show."""

from __future__ import annotations

import itertools
import re
import types

from tests.frames.toy_engine import Ctx, Op, Task

_SHARED = (list, dict, set, bytearray)
_PRINTED = frozenset("builtins collections datetime decimal fractions pathlib re uuid".split())
_HIDDEN = frozenset({"__notes__"})


_UNBOUND = re.compile(r"cannot access (?:local|free) variable ('\w+')")


def canon(v, depth=0, seen=None):
    """The text of a value. A mutable value that is met again is named by the order in which it was met first."""
    seen = {} if seen is None else seen
    if depth > 12:
        return "..."
    if isinstance(v, (bool, int, str, float, type(None))) and type(v).__module__ == "builtins":
        return repr(v)
    if isinstance(v, (types.FunctionType, types.MethodType, types.BuiltinFunctionType)):
        return f"<fn {v.__name__}>"
    if isinstance(v, (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)):
        return f"<{type(v).__name__}>"
    if isinstance(v, types.ModuleType):
        return v.__name__
    if isinstance(v, types.TracebackType):
        return f"<traceback {lines_of(v)}>"
    if isinstance(v, type):
        return f"<class {v.__name__}>"
    if isinstance(v, (Ctx, Op, Task)) or type(v).__module__ == "contextlib":
        return type(v).__name__
    if hasattr(type(v), "__next__"):
        return "<iterator>"
    if isinstance(v, BaseException):
        return exception_text(v, depth, seen)
    own = getattr(v, "__dict__", None)
    if isinstance(v, _SHARED) or own is not None:
        if id(v) in seen:
            return f"@{seen[id(v)]}"
        seen[id(v)] = len(seen)
    return _contents(v, own, depth + 1, seen)


def _contents(v, own, depth, seen):
    each = lambda xs: ", ".join(canon(x, depth, seen) for x in xs)
    if isinstance(v, dict):
        inside = ", ".join(f"{canon(k, depth, seen)}: {canon(x, depth, seen)}" for k, x in list(v.items()))
        return "{" + inside + "}" if type(v) is dict else f"{type(v).__name__}({inside})"
    if isinstance(v, list):
        return f"[{each(v)}]"
    if isinstance(v, tuple):
        return f"({each(v)})" if type(v) is tuple else f"{type(v).__name__}({each(v)})"
    if isinstance(v, (set, frozenset)):
        return type(v).__name__ + "{" + ", ".join(sorted(canon(x, depth, seen) for x in v)) + "}"
    if type(v).__module__.partition(".")[0] in _PRINTED:
        return repr(v)
    if own is None and hasattr(type(v), "__slots__"):
        own = {k: getattr(v, k) for k in type(v).__slots__ if hasattr(v, k)}
    if own is not None and not hasattr(type(v), "__members__"):
        return f"{type(v).__name__}({', '.join(f'{k}={canon(x, depth, seen)}' for k, x in own.items())})"
    return repr(v)


def exception_text(e, depth=0, seen=None):
    """An exception with type, arguments, attributes, notes, and the whole chain behind it."""
    seen = {} if seen is None else seen
    if e is None or depth > 9:
        return str(e)
    if id(e) in seen:
        return f"@{seen[id(e)]}"
    seen[id(e)] = len(seen)
    unbound = _UNBOUND.match(str(e)) if isinstance(e, NameError) else None
    if unbound:  # a captured variable is another function's to the resume variant: docs/frames.md says so
        return f"<unbound {unbound[1]}>"
    parts = [type(e).__name__, canon(e.args, 5, seen)]
    if isinstance(e, BaseExceptionGroup):
        parts.append("[" + ",".join(exception_text(x, depth + 1, seen) for x in e.exceptions) + "]")
    parts += [
        *(f"{k}={canon(v, 5, seen)}" for k, v in vars(e).items() if not k.startswith("_") or k in _HIDDEN),
        "cause=" + exception_text(e.__cause__, depth + 1, seen),
        "ctx=" + exception_text(e.__context__, depth + 1, seen),
        str(e.__suppress_context__),
    ]
    return "<" + " ".join(parts) + ">"


def lines_of(tb):
    """Where a traceback leads through, in the author's file. Comprehensions are functions in some versions only."""
    out = []
    while tb is not None:
        code = tb.tb_frame.f_code
        if code.co_filename.startswith("/differential/") and not code.co_name.startswith("<"):
            out.append((code.co_name, tb.tb_lineno))
        tb = tb.tb_next
    return out


def aliases(variables):
    """Pairs of places, in different variables, that hold the same mutable value."""
    where: dict[int, list[str]] = {}
    for name, value in variables.items():
        for path, inner in _reach(name, value):
            where.setdefault(id(inner), []).append(path)
    pairs = (p for paths in where.values() for p in itertools.combinations(sorted(set(paths)), 2))
    return {(p, q) for p, q in pairs if _variable(p) != _variable(q)}


def of_variables(pairs, names):
    """Those of the pairs that are about these variables."""
    return {(p, q) for p, q in pairs if _variable(p) in names and _variable(q) in names}


def _variable(path):
    return path.partition(".")[0]


def _reach(name, value):
    if isinstance(value, _SHARED) or (hasattr(value, "__dict__") and type(value).__module__.startswith("diff")):
        yield name, value
        if isinstance(value, list):
            inside = enumerate(value)
        elif isinstance(value, dict):
            inside = ((k, x) for k, x in value.items() if isinstance(k, (int, str)))
        else:
            inside = getattr(value, "__dict__", {}).items()
        for key, x in inside:
            if isinstance(x, _SHARED):
                yield f"{name}.{key}", x

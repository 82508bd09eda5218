"""Values as text that is the same for equal values, whatever their identity."""

from __future__ import annotations

import types

from tests.frames.toy_engine import Ctx, Op


def canon(v, depth=0):
    if depth > 12:
        return "..."
    if isinstance(v, (types.FunctionType, types.MethodType, types.BuiltinFunctionType)):
        return f"<fn {v.__name__}>"
    if isinstance(v, (types.GeneratorType, types.CoroutineType)):
        return f"<{type(v).__name__}>"
    if isinstance(v, types.ModuleType):
        return v.__name__
    if isinstance(v, dict):
        return "{" + ", ".join(f"{canon(k, depth + 1)}: {canon(x, depth + 1)}" for k, x in v.items()) + "}"
    if isinstance(v, list):
        return "[" + ", ".join(canon(x, depth + 1) for x in v) + "]"
    if isinstance(v, tuple):
        return "(" + ", ".join(canon(x, depth + 1) for x in v) + ")"
    if isinstance(v, (set, frozenset)):
        return "{" + ", ".join(sorted(canon(x, depth + 1) for x in v)) + "}"
    if isinstance(v, BaseException):
        return exception_text(v)
    if type(v).__name__ == "Obj":
        return f"Obj({canon(v.x, depth + 1)}, {canon(v.y, depth + 1)}, {canon(v.items, depth + 1)})"
    if type(v).__name__ in ("CM", "ACM", "AIter"):
        return type(v).__name__
    if hasattr(type(v), "__next__"):
        return "<iterator>"
    if isinstance(v, (Ctx, Op)):
        return type(v).__name__
    return repr(v)


def exception_text(e, depth=0):
    if e is None or depth > 8:
        return str(e)
    parts = [type(e).__name__, canon(list(e.args), 5)]
    if isinstance(e, BaseExceptionGroup):
        parts.append("[" + ",".join(exception_text(x, depth + 1) for x in e.exceptions) + "]")
    d = {k: v for k, v in vars(e).items() if not k.startswith("_")}
    if d:
        parts.append(canon(d))
    parts += [
        "cause=" + exception_text(e.__cause__, depth + 1),
        "ctx=" + exception_text(e.__context__, depth + 1),
        str(e.__suppress_context__),
    ]
    return "<" + " ".join(parts) + ">"

"""From a rewritten function node to its code object.

The function is compiled inside a wrapper that declares what it captures: the author's variables, and the runtime
helpers, whose hidden names become closure cells. No global of the author's module is touched. Afterwards the code
objects get the names that tracebacks should show, and each is filed under its plan.
"""

from __future__ import annotations
import __future__

import ast
import re
from collections.abc import Iterable
from types import CodeType

from weft_core.errors import TransformError
from weft_core.frames.nodes import TYPE_PARAMS, FunctionNode, arguments, assign_all, at, const, function_def, start_of
from weft_core.frames.plan import CODES, Plan
from weft_core.frames.refusal import refusal
from weft_core.frames.runtime.helpers import RT
from weft_core.frames.source.find import first_line_of

_FUTURE = 0
for _feature in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _feature).compiler_flag

_MADE = re.compile(r"\.(list|set|dict|gen)comp\d+")


def compile_function(p: Plan, fn: FunctionNode, captured: Iterable[str]) -> CodeType:
    """The code object of ``fn``, a variant of the plan's function that captures these names."""
    if p.parent is None:
        fn.decorator_list = _first_line(p.root.lineno, fn.lineno)
    module = _wrap(fn, _helpers_used(fn) | set(captured), p.root.cls)
    try:
        code = compile(module, p.root.filename, "exec", flags=p.root.flags & _FUTURE, dont_inherit=True)
    except (ValueError, TypeError) as error:  # pragma: no cover - a bug in the transformation
        raise _refusal(p, f"{p.where()} could not be compiled: {error}. Please report this", "internal") from error
    except SyntaxError as error:
        if "nested blocks" not in str(error):
            raise
        message = (
            f"{p.where()}: too many loops, with and try blocks are nested around an await. CPython allows "
            f"20; of those that suspend, a for or async for takes two, a finally that awaits two, an async with three. "
            f"Move the inner ones into a helper that is durable too"
        )
        raise _refusal(p, message, "nested-too-deeply") from error
    code = _inner(code)[0]
    if p.root.cls:
        code = _inner(code)[0]
    code = next(c for c in _inner(code) if c.co_name == fn.name)
    return _finish(code, p, code.co_qualname, _qualname(p))


def _refusal(p: Plan, message: str, reason: str) -> TransformError:
    return refusal(message, p.node, reason=reason, function=p.where(), filename=p.root.filename, lines=p.root.lines)


def _first_line(first: int, definition: int) -> list[ast.expr]:
    """A stand-in for decorators: CPython counts a function from its first one, and so do ``inspect`` and pdb."""
    if first >= definition:
        return []
    return [ast.Constant(value=None, lineno=first, col_offset=0, end_lineno=first, end_col_offset=0)]


def _wrap(fn: FunctionNode, captured: set[str], cls: str | None) -> ast.Module:
    """``def .outer(): a = b = None; [class C:] def fn(): ...``"""
    body: list[ast.stmt] = []
    where = start_of(fn)
    defined = cls or fn.name
    if defined not in captured:
        # the function may use its global name, or that of its class
        body.append(at(ast.Global(names=[defined]), where))
    if captured:
        body.append(at(assign_all(sorted(captured), const(None)), where))
    definition: ast.stmt = fn
    if cls:
        definition = at(
            ast.ClassDef(name=cls, bases=[], keywords=[], body=[fn], decorator_list=[], **TYPE_PARAMS), where
        )
    outer = function_def(ast.FunctionDef, ".outer", arguments(), [*body, definition])
    return ast.Module(body=[at(outer, where)], type_ignores=[])


def _helpers_used(fn: FunctionNode) -> set[str]:
    return {n.id for n in ast.walk(fn) if isinstance(n, ast.Name) and n.id in RT}


def _inner(code: CodeType) -> list[CodeType]:
    return [c for c in code.co_consts if isinstance(c, CodeType)]


# ------------------------------------------------------------------ names and plans of code objects


def _qualname(p: Plan) -> str:
    segments: list[str] = []
    while p.parent is not None:
        segments.insert(0, p.pretty)
        p = p.parent
    return p.root.qualname + "".join(f".<locals>.{s}" for s in segments)


def _finish(code: CodeType, plan: Plan, old: str, new: str) -> CodeType:
    """Give a code object and those in it their names, and file the inner ones under their plans."""
    if code.co_firstlineno <= 0:
        return code  # the probe for cells: it has no location, and replace() would refuse it
    consts: list[object] = []
    changed = False
    for const_ in code.co_consts:
        if isinstance(const_, CodeType):
            found = _plan_for(const_, plan.children)
            finished = _finish(const_, found or plan, old, new)
            if found is not None:
                CODES[id(finished)] = (finished, found)
                if found.live_code is None:
                    found.live_code = finished
            changed = changed or finished is not const_
            consts.append(finished)
        else:
            consts.append(const_)
    if changed:
        code = code.replace(co_consts=tuple(consts))
    qualname = new + code.co_qualname[len(old) :] if code.co_qualname.startswith(old) else code.co_qualname
    shown, qualname = _shown(code.co_name), _shown(qualname)
    if (shown, qualname) != (code.co_name, code.co_qualname):
        code = code.replace(co_name=shown, co_qualname=qualname)
    return code


def _shown(text: str) -> str:
    """``.listcomp0`` -> ``<listcomp>``."""
    return _MADE.sub(lambda m: "<genexpr>" if m[1] == "gen" else f"<{m[1]}comp>", text)


def _plan_for(code: CodeType, plans: list[Plan]) -> Plan | None:
    if code.co_name == "<lambda>":
        return _lambda_for(code, [p for p in plans if p.kind == "lambda"])
    for p in plans:
        if p.kind != "lambda" and p.name == code.co_name and first_line_of(p.node) == code.co_firstlineno:
            return p
    return None


def _lambda_for(code: CodeType, lambdas: list[Plan]) -> Plan | None:
    """Several lambdas may stand on one line: compare the positions of instructions with those of the bodies."""
    positions = [
        ((line, column), (end_line, end_column))
        for line, end_line, column, end_column in code.co_positions()
        if line is not None and column is not None and end_column
    ]
    if not positions:
        same_line = [p for p in lambdas if p.node.lineno == code.co_firstlineno]
        return same_line[0] if len(same_line) == 1 else None
    bodies = [(p, *_extent(p.node)) for p in lambdas]
    for p, begin, end in bodies:
        if (begin, end) in positions:
            return p
    for p, begin, end in bodies:
        inside = sum(begin <= a and (b[0] or 0, b[1]) <= end for a, b in positions)
        if inside >= max(1, len(positions) - 2):
            return p
    return None


def _extent(n: ast.AST) -> tuple[tuple[int, int], tuple[int, int]]:
    assert isinstance(n, ast.Lambda)
    b = n.body
    return (b.lineno, b.col_offset), (b.end_lineno or b.lineno, b.end_col_offset or b.col_offset)

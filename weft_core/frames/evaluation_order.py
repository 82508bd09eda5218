"""The operands of an expression (or simple statement), in the order in which Python evaluates them."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

from weft_core.frames.nodes import COMPREHENSIONS, FUNCTIONS, INTERPOLATIONS, TEMPLATES

Node = TypeVar("Node", bound=ast.AST)


class Operand(NamedTuple):
    """A place in the tree: a field of ``owner``, or one element of that field's list."""

    owner: Any
    field: str
    position: int | None

    def get(self) -> Any:
        value = getattr(self.owner, self.field)
        return value if self.position is None else value[self.position]

    def put(self, value: ast.expr) -> None:
        if self.position is None:
            setattr(self.owner, self.field, value)
        else:
            getattr(self.owner, self.field)[self.position] = value

    @property
    def is_starred(self) -> bool:
        """``*x``, ``**x`` of a call, or ``**x`` of a dict display: unpacked when its turn comes."""
        if isinstance(self.owner, ast.keyword):
            return self.owner.arg is None
        if isinstance(self.owner, ast.Dict):
            return self.field == "values" and self.position is not None and self.owner.keys[self.position] is None
        return isinstance(self.get(), ast.Starred)


# fields that are evaluated in this order; what is not named here has no operands, or is special (below)
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {
    ast.Await: ("value",),
    ast.Yield: ("value",),
    ast.YieldFrom: ("value",),
    ast.Starred: ("value",),
    ast.NamedExpr: ("value",),
    ast.Expr: ("value",),
    ast.Return: ("value",),
    ast.AugAssign: ("value",),
    ast.AnnAssign: ("value",),
    ast.Attribute: ("value",),
    ast.BinOp: ("left", "right"),
    ast.UnaryOp: ("operand",),
    ast.Subscript: ("value", "slice"),
    ast.Slice: ("lower", "upper", "step"),
    ast.List: ("elts",),
    ast.Tuple: ("elts",),
    ast.Set: ("elts",),
    ast.Compare: ("left", "comparators"),
    ast.FormattedValue: ("value", "format_spec"),
    ast.JoinedStr: ("values",),
    ast.Raise: ("exc", "cause"),
    **dict.fromkeys(INTERPOLATIONS, ("value", "format_spec")),
    **dict.fromkeys(TEMPLATES, ("values",)),
}


def operands(n: ast.AST) -> list[Operand]:
    """The places of the operands of ``n``, in evaluation order."""
    fields = _FIELDS.get(type(n))
    if fields is not None:
        return list(_of_fields(n, fields))
    return list(_special(n))


def _of_fields(owner: ast.AST, fields: tuple[str, ...]) -> Iterator[Operand]:
    for f in fields:
        value = getattr(owner, f, None)
        if isinstance(value, list):
            for i, x in enumerate(value):
                if x is not None:
                    yield Operand(owner, f, i)
        elif value is not None:
            yield Operand(owner, f, None)


def _special(n: ast.AST) -> Iterator[Operand]:
    if isinstance(n, ast.Call):
        yield from _of_fields(n, ("func", "args"))
        yield from (Operand(k, "value", None) for k in n.keywords)
    elif isinstance(n, ast.Dict):
        for i, key in enumerate(n.keys):
            if key is not None:
                yield Operand(n, "keys", i)
            yield Operand(n, "values", i)
    elif isinstance(n, ast.Lambda):
        yield from _of_fields(n.args, ("defaults", "kw_defaults"))
    elif isinstance(n, COMPREHENSIONS):
        yield Operand(n.generators[0], "iter", None)  # the rest is evaluated inside, or is a function of its own
    elif isinstance(n, (ast.Assign, ast.Delete)):
        yield from _of_fields(n, ("value",))
        for t in n.targets:
            if isinstance(t, (ast.Attribute, ast.Subscript)):
                yield from operands(t)
    elif isinstance(n, FUNCTIONS):
        yield from _of_fields(n, ("decorator_list",))
        yield from _of_fields(n.args, ("defaults", "kw_defaults"))
    elif isinstance(n, ast.ClassDef):
        yield from _of_fields(n, ("decorator_list", "bases"))
        yield from (Operand(k, "value", None) for k in n.keywords)


def copy_with_operands(n: Node) -> Node:
    """A copy of ``n`` whose operands can be replaced without changing ``n``."""
    made: Any = copy.copy(n)
    for f, value in ast.iter_fields(made):
        if isinstance(value, list):
            setattr(made, f, list(value))
    if isinstance(made, (ast.Call, ast.ClassDef)):
        made.keywords = [copy.copy(k) for k in made.keywords]
    if isinstance(made, (ast.Lambda, *FUNCTIONS)):
        made.args = copy.copy(made.args)
        made.args.defaults = list(made.args.defaults)
        made.args.kw_defaults = list(made.args.kw_defaults)
    if isinstance(made, (ast.Assign, ast.Delete)):
        made.targets = [copy.copy(t) for t in made.targets]
    copied: Node = made
    return copied

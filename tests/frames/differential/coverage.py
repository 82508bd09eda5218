"""Which constructs a run was suspended in: for every suspension, the path in the syntax tree down to it.

The places are counted as ``If.body`` or ``Dict.values``: the kind of a node, and the field that held the suspension.
"""

from __future__ import annotations

import ast
from collections import Counter

from tests.frames.differential.execution import stack

# Where the fixed programs suspend, and what their variables hold then: what must not get lost from the generator.
EXPECTED = frozenset(
    """
    AnnAssign.target AnnAssign.value Assert.msg Assert.test Assign.targets Assign.value AsyncFor.body
    AsyncFor.orelse AsyncFor.target AsyncFunctionDef.args AsyncFunctionDef.body AsyncWith.body AsyncWith.items
    Attribute.value AugAssign.target AugAssign.value Await.value BinOp.left BinOp.right BoolOp.values
    Call.args Call.func Call.keywords ClassDef.bases ClassDef.body Compare.comparators Compare.left
    Delete.targets Dict.keys Dict.values DictComp.generators DictComp.key DictComp.value ExceptHandler.body
    Expr.value For.body For.iter For.orelse For.target FormattedValue.format_spec FormattedValue.value
    FunctionDef.args FunctionDef.body FunctionDef.decorator_list GeneratorExp.elt GeneratorExp.generators
    If.body If.orelse If.test IfExp.body IfExp.orelse IfExp.test JoinedStr.values Lambda.args List.elts
    ListComp.elt ListComp.generators Match.cases Match.subject NamedExpr.value Raise.cause Raise.exc
    Return.value Set.elts SetComp.elt SetComp.generators Slice.lower Slice.step Slice.upper Starred.value
    Subscript.slice Subscript.value Try.body Try.finalbody Try.handlers Try.orelse TryStar.body
    TryStar.finalbody TryStar.handlers TryStar.orelse Tuple.elts UnaryOp.operand While.body While.orelse
    While.test With.body With.items Yield.value YieldFrom.value arguments.defaults arguments.kw_defaults
    comprehension.ifs comprehension.iter keyword.value match_case.body match_case.guard withitem.context_expr
    withitem.optional_vars
    """.split()
)
VALUES = frozenset(
    """
    ACM AIter Account AsyncExitStack Color Counter Decimal E1 ExceptionGroup ExitStack Fraction Frozen Mutex
    NoneType NotImplementedType Obj Op OrderedDict Own Pair Pattern Perm Point PurePosixPath Saga
    SimpleNamespace Slotted Task UUID async_generator bool bytearray bytes complex coroutine datetime
    defaultdict deque dict dict_keys ellipsis enumerate filter float frozenset function generator int list
    list_iterator map method module partial range range_iterator set str traceback tuple tuple_iterator type
    zip
    """.split()
)


class Places:
    """The places of one program's text."""

    def __init__(self, text):
        self.tree = ast.parse(text)
        self.known: dict[tuple[int, int], tuple[str, ...]] = {}

    def count(self, counts, tasks):
        """Add the places of all frames of these tasks."""
        seen = Counter()
        for task in tasks:
            for code, frame in stack(task.coro):
                seen.update(self._of(code, frame.f_lasti))
        counts.update(dict.fromkeys(seen, 1))

    def _of(self, code, lasti):
        key = (id(code), lasti)
        found = self.known.get(key)
        if found is None:
            positions = list(code.co_positions())[lasti // 2] if lasti >= 0 else (None,) * 4
            found = self.known[key] = () if None in positions else tuple(self._path(positions))
        return found

    def _path(self, where):
        begin, end = (where[0], where[2]), (where[1], where[3])
        node = self.tree
        while node is not None:
            inner = None
            for field, value in ast.iter_fields(node):
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST) and _covers(child, begin, end):
                        yield f"{type(node).__name__}.{field}"
                        inner = child
            node = inner


def _covers(node, begin, end):
    """Does the node's text hold this range? Nodes without a place (``withitem``) reach as far as what is in them."""
    if not hasattr(node, "lineno"):
        return any(_covers(c, begin, end) for c in ast.iter_child_nodes(node))
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    column = node.col_offset if first == node.lineno else 0
    return (first, column) <= begin and end <= (node.end_lineno, node.end_col_offset)


def missing(counts, expected, prefix):
    """What was expected and never counted."""
    return sorted(name for name in expected if not counts[prefix + name])


def table(counts, columns=4):
    """How often a suspension stood in each place of the grammar, as lines of text."""
    rows = [f"{name} {n}" for name, n in sorted(counts.items()) if name[0].isupper() or name in EXPECTED]
    rows += [f"{n} × {name}" for name, n in sorted(counts.items()) if name.startswith("local ")]
    height = -(-len(rows) // columns)
    return "\n".join("  " + "".join(f"{x:<34}" for x in rows[i::height]) for i in range(height))

"""Guards: the conditions that lead a resumed function down to its suspension point.

In the resume variant the hidden local ``.rs`` holds the number of the label to go to, and 0 once it is reached. A guard
that is false after that costs one comparison.
"""

from __future__ import annotations

import ast

from weft_core.frames.analysis import Range
from weft_core.frames.nodes import compare, const, name, not_


def resuming() -> ast.Name:
    """``.rs``: we are on the way to a label."""
    return name(".rs")


def not_resuming() -> ast.expr:
    return not_(resuming())


def goes_into(labels: Range) -> ast.expr:
    """The label to go to is one of these."""
    first, last = labels
    if first == last:
        return compare(resuming(), ast.Eq(), const(first))
    return ast.Compare(left=const(first), ops=[ast.LtE(), ast.LtE()], comparators=[resuming(), const(last)])


def goes_beyond(first: int) -> ast.expr:
    """The label to go to is this one or a later one."""
    return compare(resuming(), ast.GtE(), const(first))


def goes_up_to(last: int) -> ast.expr:
    """There is no label to go to, or it is this one or an earlier one."""
    return compare(resuming(), ast.LtE(), const(last)) if last else not_resuming()

"""The variables of a frame that goes on in changed code: what it needs must be there, wherever it was kept.

A variable lives in the frame, or in a cell if a nested function captures it. Today's code may keep it in the other
place; its value moves. One that today's code has surely assigned by then, and the checkpoint lacks, is missing.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from types import CellType
from typing import Any

from weft_core.errors import CodeChangedError
from weft_core.frames.checkpoint.match import Place, changed
from weft_core.frames.labels import Label
from weft_core.frames.nodes import FUNCTIONS
from weft_core.frames.plan import Plan
from weft_core.frames.runtime.helpers import U
from weft_core.frames.variants import with_tree


def adapt_cells(
    plan: Plan, place: Place, label: Label | None, names: Sequence[str], cells: dict[str, CellType]
) -> None:
    """Add an empty cell for each variable that was not captured and is now. Raises :class:`CodeChangedError`."""
    kept = {*names, *cells}
    needed = list(plan.params) if label is None else [n for n in label.save if not n.startswith(".")]
    if label is not None:
        needed += [n for n in plan.captured - plan.free if _may_be_needed(plan, label, n)]
    missing = sorted(n for n in needed if n not in kept)
    if missing:
        raise missing_error(plan, place, label, missing)
    for n in plan.captured:
        if n not in cells:
            cells[n] = CellType()


def adapt_values(
    plan: Plan,
    place: Place,
    label: Label | None,
    names: Sequence[str],
    values: list[Any],
    cells: Mapping[str, CellType],
) -> list[Any]:
    """The values of ``plan.names``; those of variables that are captured now go into their cells."""
    found = dict(zip(names, values, strict=True))
    for n, cell in cells.items():
        if n in plan.cells:
            if n in found and found[n] is not U:
                cell.cell_contents = found[n]
        elif n not in found:
            found[n] = _contents(cell)
    if label is not None:
        unset = [n for n in label.save if not n.startswith(".") and found.get(n, U) is U]
        missing = [n for n in unset if surely_set(plan, label, n)]
        if missing:
            raise missing_error(plan, place, label, missing)
    return [found.get(n, U) for n in plan.names]


def _contents(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # an empty cell
        return U


def missing_error(plan: Plan, place: Place, label: Label | None, missing: list[str]) -> CodeChangedError:
    why = f"the new code needs variable(s) {', '.join(missing)} there, which the checkpoint does not have"
    return changed(
        plan, place.label, place.line, place.hash, why, new=label.id if label is not None else "start", missing=missing
    )


# ------------------------------------------------------------------ what today's code has assigned at a label


def _may_be_needed(plan: Plan, label: Label, name: str) -> bool:
    """Of a captured variable: set somewhere before the label and used somewhere after it, as far as lines tell."""
    stores = plan.stores.get(name)
    if stores and name not in plan.params and min(stores) > label.lineno:
        return False
    plan = with_tree(plan)
    if any(part.startswith(("for", "async for")) for part in label.path) or "while" in label.around:
        return True
    trees = [*plan.analysis.body, *(child.node for child in plan.children)]
    used = [n.lineno for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == name]
    return max(used, default=0) >= label.lineno


def surely_set(plan: Plan, label: Label, name: str) -> bool:
    """Whether every way to the label assigns the variable: looks at the statements before it in each block around."""
    if name in plan.params:
        return True
    plan = with_tree(plan)
    block: Sequence[ast.stmt] | None = plan.analysis.body
    found = False
    while block is not None:
        inner: Sequence[ast.stmt] | None = None
        for s in block:
            span = plan.analysis.range(s)
            if span is not None and span[0] <= label.n <= span[1]:
                if isinstance(s, ast.For) and _assigns(s.target, name):
                    found = True
                inner = _block_with(plan, label, s)
                break
            found = _after(s, name, found)
        block = inner
    return found


def _block_with(plan: Plan, label: Label, s: ast.stmt) -> Sequence[ast.stmt] | None:
    """The block in a compound statement that holds the label."""
    blocks = [getattr(s, f, None) for f in ("body", "orelse", "finalbody", "inner")]
    blocks += [h.body for h in getattr(s, "handlers", [])] + [c.body for c in getattr(s, "cases", [])]
    for block in blocks:
        if isinstance(block, list) and block:
            span = plan.analysis.block_range(block)
            if span is not None and span[0] <= label.n <= span[1]:
                return block
    return None


def _after(s: ast.stmt, name: str, before: bool) -> bool:
    """Whether the variable is surely set after a statement that the label comes after."""
    if isinstance(s, ast.Delete):
        return before and not any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(s))
    if isinstance(s, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
        targets = s.targets if isinstance(s, ast.Assign) else [s.target]
        return before or any(_assigns(t, name) for t in targets)
    if isinstance(s, (*FUNCTIONS, ast.ClassDef)):
        return before or s.name == name
    if isinstance(s, ast.If) and s.orelse:
        return _after_all(s.body, name, before) and _after_all(s.orelse, name, before)
    if any(isinstance(n, ast.Delete) for n in ast.walk(s)):
        return False
    return before


def _after_all(block: Sequence[ast.stmt], name: str, before: bool) -> bool:
    for s in block:
        before = _after(s, name, before)
    return before


def _assigns(target: ast.expr, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store) for n in ast.walk(target))

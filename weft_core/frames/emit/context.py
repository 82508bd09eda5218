"""Blocks of the live and the resume variant, and what the rules of the ``emit_*`` modules share.

The live variant of a block is its statements. The resume variant guards them: the statements before the suspension
point are skipped, the one that holds it is entered. See ``emit_guards``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from weft_core.frames.analysis import Analysis, Range
from weft_core.frames.emit.expressions import ExpressionEmit
from weft_core.frames.emit.guards import goes_up_to, not_resuming
from weft_core.frames.nodes import NOWHERE, at, clear, if_

Rule = Callable[["Emit", Any], list[ast.stmt]]


class Emit(ExpressionEmit):
    """Emits one variant of a function.

    ``flavour`` is C for coroutines, where GeneratorExit (garbage collection) evicts like Evict does, and G for
    generators, which may be closed by the author's code. ``needs_ev`` tells, at the end, that the function needs the
    local ``.ev``: True when it is being evicted and its ``finally`` blocks must not run.

    ``lean`` makes do with fewer blocks, because CPython limits how deep they are nested: what is being raised is asked
    for in each ``finally``, and some exits of a loop are shown as one more step on its first line.
    """

    def __init__(
        self,
        analysis: Analysis,
        rules: Mapping[type[ast.stmt], Rule],
        *,
        resume: bool,
        flavour: Literal["C", "G"],
        lean: bool = False,
    ) -> None:
        super().__init__(analysis, resume=resume)
        self.rules, self.flavour, self.lean = rules, flavour, lean
        self.needs_ev = False

    def range(self, stmts: Sequence[ast.stmt]) -> Range | None:
        """The first and last label in a block."""
        return self.analysis.block_range(stmts)

    def block(self, stmts: Sequence[ast.stmt]) -> list[ast.stmt]:
        if not self.resume:
            return [out for s in stmts for out in self.stmt(s)]
        with_labels = [i for i, s in enumerate(stmts) if self.analysis.range(s)]
        last = with_labels[-1] if with_labels else -1
        out: list[ast.stmt] = []
        skipped: list[ast.stmt] = []  # a run of statements without labels before the last label
        for i, s in enumerate(stmts):
            labels = self.analysis.range(s)
            if i < last and not labels:
                skipped += self.stmt(s)
                continue
            if skipped:
                out.append(at(if_(not_resuming(), skipped), NOWHERE))
                skipped = []
            if i < last and labels:
                out.append(at(if_(goes_up_to(labels[1]), self.stmt(s)), NOWHERE))
            else:
                out += self.stmt(s)
        return out

    def stmt(self, s: ast.stmt) -> list[ast.stmt]:
        self.temporaries, outer = [], self.temporaries
        rule = self.rules.get(type(s))
        if not self.analysis.range(s) and not isinstance(s, (ast.Global, ast.Nonlocal)):
            out = [s]  # only jumps in it were rewritten, in place
        elif rule is not None:
            out = rule(self, s)
        else:
            out = [at(self.with_operands(s), s)]
            if self.temporaries and not isinstance(s, (ast.Return, ast.Raise)):
                out.append(at(clear(*dict.fromkeys(self.temporaries)), NOWHERE))
        self.temporaries = outer
        return out

"""Random workflows: every supported construct, nested in every way, in one function."""

from __future__ import annotations

import ast
import re

from tests.frames.differential.compound_statements import CompoundStatements
from tests.frames.differential.prelude import PRELUDE


class Generator(CompoundStatements):
    def program(self):
        self.ints = ["i0", "i1", "i2", "i3", "i4"]
        self.D = "async def" if self.style == "async" else "def"
        self.awaits, self.walrus_ok, self.no_jump = True, True, False
        self.closures, self.closures_later, self.asyncs = [], [], []
        body = []
        ind = "    "
        if self.chance(0.35):
            self.feat("captured")
            body += [f"{ind}def bumper(p):", f"{ind}    nonlocal i0", f"{ind}    i0 += p", f"{ind}    return i0 + i1"]
            self.closures.append("bumper")
        if self.chance(0.3):
            body += [
                f"{ind}{self.D} sub(p):",
                f"{ind}    nonlocal i2",
                f"{ind}    r = " + self.W("ctx.run('sub', p)"),
                f"{ind}    i2 += r",
                f"{ind}    return r + i1",
            ]
            self.asyncs.append("sub")
        while self.budget > 0:
            body += self.block(ind, 1)
        body = body or [ind + "pass"]
        src = (
            PRELUDE
            + "\nG2 = 1\n"
            + """
@durable
async def mk(ctx, o):
    await ctx.run("mk", 1)
    return o

@durable
async def wf(ctx):
    global G2
    i0, i1, i2, i3, i4 = 1, 2, 3, 4, 5
    l0 = [1, 2, 3]; l1 = [5]; d0 = {1: 2, 3: 4}; s0 = "s"; o = Obj(1, 2, l1); cl = bump; it = iter(())
"""
            + "\n".join(body)
            + """
    T(("end", i0, i1, i2, i3, i4, l0, l1, d0, s0, o, l1 is o.items, l0 is l1))
    return i0, i1, i2, i3, i4, l0, l1, d0, s0, o
"""
        )
        if self.style != "async":
            head, mark, tail = src.partition("    i0, i1, i2, i3, i4 = 1, 2, 3, 4, 5\n")
            head = head[: head.index("@dataclass\nclass ACM")] + head[head.index("@durable\ndef dgen") :]
            head = re.sub(r"await (\w[\w.]*\([^()]*\))", lambda m: self.W(m.group(1)), head).replace("async def", "def")
            src = head + mark + tail
            if not self.used_yield(tail):
                src = src.replace(mark, mark + "    yield from ()\n")
        return src

    def used_yield(self, text):

        try:
            f = ast.parse("def f():\n" + text).body[0]
        except SyntaxError:
            return True
        todo = list(f.body)
        while todo:
            n = todo.pop()
            if isinstance(n, (ast.Yield, ast.YieldFrom)):
                return True
            if not isinstance(n, (ast.FunctionDef, ast.Lambda)):
                todo.extend(ast.iter_child_nodes(n))
        return False

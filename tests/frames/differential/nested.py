"""Functions and classes defined inside the workflow, which share its variables."""

from __future__ import annotations

import ast
import textwrap

from tests.frames.differential.statements import Statements

# «» stands for the operation, $body for random statements that assign to the workflow's variables
NESTED = {
    "nested": [
        (3, "def ~f(p, q=$i):\n    return ⟨pure|$i⟩ + q + p\nT(~f($i))\n$v = ~f($i, $i)"),
        (
            2,
            "def ~f(p, /, q=$i, *, r=$i):\n    nonlocal i0, l0\n    i0 += p\n    l0 = l0 + [q]\n"
            "    return i0 + r\n$v = ~f($i, r=$i)\n$op\n$v = ~f($i)",
        ),
        (
            2,
            "def ~f(p):\n    def ~h(q):\n        nonlocal i1\n        i1 += q\n        return i1 + p\n"
            "    return ~h\ncl = ~f($i)\n$op\n$v = cl($i)",
        ),
        (1, "def ~f(p):\n    return p if p <= 0 else p + ~f(p - 1)\n$op\n$v = ~f($digit)"),
        (1, "@tag($i)\n@tag($i)\ndef ~f(p):\n    return p + i0\n$op\n$v = ~f($i)"),
        (1, "~f = []\nfor ~n in range(3):\n    ~f.append(lambda p: p + ~n)\n    $op\n$v = sum(~g($i) for ~g in ~f)"),
        (5, "$def ~f(p):\n    $body\n    return p + $i\n$v = «~f($i)»\n$v = «~f($i)»"),
        (
            3,
            "$def ~f(p, *a, k=$i, **kw):\n    ~z = p + «ctx.run('na', p)»\n    $body\n"
            "    return ~z + k + len(a) + len(kw)\n$v = «~f($i, $i, k=$i, m=$i)»",
        ),
        (2, "$def ~f(p):\n    return p + i0 + «ctx.run('nb', p)»\n$v = sum(«ctx.gather(~f(1), ~f($i))»)"),
        (
            2,
            "$def ~f(p):\n    $def ~h(q):\n        nonlocal p\n        p += «ctx.run('nc', q)»\n"
            "        return p\n    return «~h($i)» + «~h(1)» + p\n$v = «~f($i)»",
        ),
        (1, "$def ~f(p):\n    return «ctx.run('nd', 0)» if p <= 0 else p + «~f(p - 1)»\n$v = «~f($digit)»"),
        (2, "$def ~f(p):\n    return i1 + «ctx.run('ne', p)»\n~c = ~f($i)\n$op\n$v = «~c»"),
        (2, "def ~g(p):\n    for ~k in range(3):\n        yield ~k + p + $v\nfor $v in ~g($i):\n    $loop"),
        (
            1,
            "async def ~g(p):\n    try:\n        for ~k in range(3):\n"
            "            yield p + await ctx.run('ng', ~k)\n    finally:\n        T('ng end')\n"
            "async for $v in ~g($i):\n    $loop",
        ),
        (
            1,
            "class ~K(«mk(ctx, Obj)»):\n    k = ⟨pure|$i⟩\n    def more(self, p):\n"
            "        return super().meth(p) + self.k + i0\n$v = ⟨pure|~K(1).more($i)⟩",
        ),
        (
            1,
            "def ~f(a=«ctx.run('da', 1)», *, b=«ctx.run('db', 2)»):\n    global G2\n    G2 += a\n"
            "    return a + b + G2\n$v = ~f() + ~f(b=$i)",
        ),
    ],
}


class Nested(Statements):
    def draw_def(self) -> str:
        return "async def" if self.style == "async" else "def"

    def draw_body(self) -> str:
        """A block of a nested function, with the declarations that it needs."""
        saved, self.loop, self.jump = (self.loop, self.jump), False, True
        try:
            text = self.draw_block()
        finally:
            self.loop, self.jump = saved
        nodes = list(ast.walk(ast.parse("async def f():\n" + textwrap.indent(text, "    "))))
        found = {n.id for n in nodes if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
        found -= {ast.unparse(n.target) for n in nodes if isinstance(n, ast.AnnAssign)}  # these cannot be nonlocal
        ours = sorted(found & {*self.ints, *self.variables})
        head = f"nonlocal {', '.join(ours)}\n" if ours else ""
        if "G2" in found:
            head = "global G2\n" + head
        return head + text

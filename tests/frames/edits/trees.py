"""Small random programs as trees whose statements keep their identity when they are edited.

Every statement has an ``id``. Rendered to text the ids are gone, as they are for the matcher; the test knows which line
came from which statement, and so where a run ought to go on.
"""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

PRELUDE = """
from dataclasses import dataclass

TRACE = []

@dataclass
class CM:
    name: str
    def __enter__(self):
        return 1
    def __exit__(self, *exc):
        TRACE.append(("exit", self.name))

@dataclass
class ACM:
    ctx: object
    name: str
    @durable
    async def __aenter__(self):
        return await self.ctx.run("enter", self.name)
    @durable
    async def __aexit__(self, *exc):
        await self.ctx.run("exit", self.name)
"""
VARIABLES = ["x0", "x1", "x2", "x3"]
NAMES = ["a", "b", "c", "d", "e", "f"]
_ids = itertools.count(1)


@dataclass
class Node:
    """A statement: ``head`` is its line, ``blocks`` what is indented under it, ``joints`` the lines between them."""

    kind: str
    head: str
    blocks: list[list[Node]] = field(default_factory=list)
    joints: list[str] = field(default_factory=list)
    id: int = field(default_factory=lambda: next(_ids))

    def walk(self) -> Iterator[Node]:
        yield self
        for block in self.blocks:
            for node in block:
                yield from node.walk()


@dataclass
class Program:
    """The workflow's statements and those of its helper."""

    body: list[Node]
    helper: list[Node]

    def blocks(self) -> list[list[Node]]:
        found = [self.body, self.helper]
        for node in self.nodes():
            found += node.blocks
        return found

    def nodes(self) -> list[Node]:
        return [n for top in (*self.body, *self.helper) for n in top.walk()]

    def copy(self) -> Program:
        return copy.deepcopy(self)

    def text(self) -> tuple[str, dict[int, int]]:
        """Source, and the id of the statement that each line came from."""
        lines = PRELUDE.splitlines()
        origin: dict[int, int] = {}
        for name, top in (("helper", self.helper), ("wf", self.body)):
            lines += ["@durable", f"async def {name}(ctx):"]
            lines += [f"    {', '.join(VARIABLES)} = {', '.join(str(10 + i) for i in range(len(VARIABLES)))}"]
            _render(top, "    ", lines, origin)
            lines += [f"    return {', '.join(VARIABLES)}"]
        return "\n".join(lines) + "\n", origin


def _render(block: list[Node], indent: str, lines: list[str], origin: dict[int, int]) -> None:
    for node in block:
        lines.append(indent + node.head)
        origin[len(lines)] = node.id
        for i, inner in enumerate(node.blocks):
            if i:
                lines.append(indent + node.joints[i - 1])
            _render(inner, indent + "    ", lines, origin)
            if not inner:
                lines.append(indent + "    pass")


class Maker:
    """Makes random statements."""

    def __init__(self, seed: object) -> None:
        self.r = random.Random(seed)
        self.fresh = 0

    def program(self) -> Program:
        return Program(self.block(0, self.r.randint(3, 7)), self.block(1, self.r.randint(1, 3), calls=False))

    def block(self, depth: int, size: int, calls: bool = True) -> list[Node]:
        return [self.statement(depth, calls) for _ in range(size)]

    def variable(self) -> str:
        return self.r.choice(VARIABLES)

    def expression(self) -> str:
        v = self.variable
        return self.r.choice([v(), str(self.r.randint(1, 5)), f"{v()} + {self.r.randint(1, 3)}", f"{v()} - {v()}"])

    def new(self, prefix: str) -> str:
        self.fresh += 1
        return f"{prefix}{self.fresh}"

    def statement(self, depth: int, calls: bool = True) -> Node:
        if depth < 3 and self.r.random() < 0.3:
            return self.compound(depth, calls)
        if self.r.random() < 0.25:
            return Node("assign", f"{self.variable()} = {self.expression()}")
        return self.operation(calls)

    def operation(self, calls: bool = True) -> Node:
        name, r = self.r.choice(NAMES), self.r.random()
        if r < 0.5:
            return Node("op", f'{self.variable()} = await ctx.run("{name}", {self.expression()})')
        if r < 0.7:
            return Node("op", f'await ctx.run("{name}", {self.expression()})')
        if r < 0.76:
            return Node("op", f"await ctx.sleep({self.r.randint(1, 2)})")
        if r < 0.82:
            return Node("op", f'await ctx.all([ctx.run("{name}", 1), {self.expression()}])')
        if r < 0.88:
            return Node("op", f'{self.variable()} = {self.expression()} + await ctx.run("{name}", {self.variable()})')
        if r < 0.94 or not calls:
            v = self.variable()
            return Node("op", f'{v} = len([await ctx.run("{name}", q) for q in range({self.r.randint(1, 2)})])')
        return Node("op", "await helper(ctx)")

    def compound(self, depth: int, calls: bool) -> Node:
        inner = self.block(depth + 1, self.r.randint(1, 3), calls)
        other = self.block(depth + 1, self.r.randint(1, 2), calls)
        return self.around(self.r.choice(["if", "for", "for", "while", "finally", "except", "with", "awith", "match"]),
                           inner, other)  # fmt: skip

    def around(self, kind: str, inner: list[Node], other: list[Node]) -> Node:
        if kind == "if":
            return Node("if", f"if {self.expression()} != 99:", [inner, other], ["else:"])
        if kind == "for":
            items = self.r.choice(["range(2)", f"[{self.expression()}, 7]", "(1, 2)"])
            return Node("for", f"for {self.r.choice([*VARIABLES, '_'])} in {items}:", [inner])
        if kind == "while":
            count = self.new("w")
            step = Node("fixed", f"{count} -= 1")
            return Node("while", f"{count} = 2", [], []) if self.r.random() < 0 else Node(
                "for", f"for {count} in range(2):", [[step, *inner]]
            )  # fmt: skip
        if kind == "finally":
            return Node("try", "try:", [inner, other], ["finally:"])
        if kind == "except":
            fail = Node("fixed", f"raise {self.r.choice(['ValueError', 'KeyError'])}({self.variable()})")
            return Node("try", "try:", [[*inner[:1], fail], other], [f"except ({self.caught()}):"])
        if kind == "with":
            return Node("with", f'with CM("{self.r.choice(NAMES)}"):', [inner])
        if kind == "awith":
            return Node("awith", f'async with ACM(ctx, "{self.r.choice(NAMES)}"):', [inner])
        cases = [f"case {self.r.randint(1, 9)}:", "case _:"]
        return Node("match", f"match {self.variable()}:", [[Node("match-case", cases[0], [other]), Node(
            "match-case", cases[1], [inner])]])  # fmt: skip

    def caught(self) -> str:
        return self.r.choice(["ValueError, KeyError", "KeyError, ValueError", "Exception,"])

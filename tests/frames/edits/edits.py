"""Random edits of a program, as authors make them. A statement that survives keeps its id."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable

from tests.frames.edits.trees import VARIABLES, Maker, Node, Program, _ids

Edit = Callable[[Maker, Program], None]


def edited(program: Program, maker: Maker, edits: int) -> tuple[Program, list[str]]:
    """Another version of the program, and what was done to it."""
    new, done = program.copy(), []
    for _ in range(edits):
        edit = maker.r.choice(EDITS)
        edit(maker, new)
        done.append(edit.__name__)
    return new, done


def _editable(program: Program) -> list[tuple[list[Node], int]]:
    return [
        (block, i) for block in program.blocks() for i, n in enumerate(block) if n.kind not in ("fixed", "match-case")
    ]


def _gaps(program: Program) -> list[tuple[list[Node], int]]:
    blocks = [b for b in program.blocks() if not (b and b[0].kind == "match-case")]
    return [(b, i) for b in blocks for i in range(len(b) + 1)]


def _anew(node: Node) -> Node:
    made = copy.deepcopy(node)
    for n in made.walk():
        n.id = next(_ids)
    return made


def _ops(program: Program) -> list[Node]:
    return [n for n in program.nodes() if n.kind == "op"]


def insert(m: Maker, p: Program) -> None:
    block, i = m.r.choice(_gaps(p))
    block.insert(i, m.statement(2, calls=False))


def delete(m: Maker, p: Program) -> None:
    if found := _editable(p):
        block, i = m.r.choice(found)
        del block[i]


def move(m: Maker, p: Program) -> None:
    if found := _editable(p):
        block, i = m.r.choice(found)
        node = block.pop(i)
        if "helper(" in "".join(n.head for n in node.walk()):
            block.insert(i, node)
            return
        block, i = m.r.choice(_gaps(p))
        block.insert(i, node)


def swap_operations(m: Maker, p: Program) -> None:
    top = m.r.choice([p.body, p.helper])
    ops = [n for node in top for n in node.walk() if n.kind == "op" and "helper(" not in n.head]
    if len(ops) > 1:
        a, b = m.r.sample(ops, 2)  # of equal ones nothing would change but the ids
        if a.head != b.head:
            a.head, b.head, a.id, b.id = b.head, a.head, b.id, a.id


def duplicate(m: Maker, p: Program) -> None:
    if found := _editable(p):
        block, i = m.r.choice(found)
        node = _anew(block[i])
        if "helper(" not in "".join(n.head for n in node.walk()):
            block, i = (block, i + m.r.randint(0, 1)) if m.r.random() < 0.5 else m.r.choice(_gaps(p))
            block.insert(i, node)


def wrap(m: Maker, p: Program) -> None:
    if found := _editable(p):
        block, i = m.r.choice(found)
        end = min(len(block), i + m.r.randint(1, 2))
        if any(n.kind == "match-case" for n in block[i:end]):
            return
        kind = m.r.choice(["if", "for", "finally", "with", "awith"])
        block[i:end] = [m.around(kind, block[i:end], [m.operation(calls=False)])]


def unwrap(m: Maker, p: Program) -> None:
    found = [(b, i) for b, i in _editable(p) if b[i].blocks and b[i].kind != "match"]
    if found:
        block, i = m.r.choice(found)
        block[i : i + 1] = m.r.choice(block[i].blocks)


def swap_wrappers(m: Maker, p: Program) -> None:
    nested = [n for n in p.nodes() if n.blocks and any(x.blocks and x.kind == n.kind for x in n.blocks[0])]
    nested = [n for n in nested if n.kind in ("for", "with", "awith", "if")]
    if nested:
        outer = m.r.choice(nested)
        inner = next(x for x in outer.blocks[0] if x.blocks and x.kind == outer.kind)
        outer.head, inner.head = inner.head, outer.head


def change_argument(m: Maker, p: Program) -> None:
    if found := [n for n in _ops(p) if "ctx.run(" in n.head]:
        node = m.r.choice(found)
        node.head = re.sub(r'(ctx\.run\("\w+"), [^()]*\)', rf"\1, {m.expression()})", node.head, count=1)


def change_target(m: Maker, p: Program) -> None:
    if found := [n for n in _ops(p) if n.head.startswith("await ctx.run")]:
        node = m.r.choice(found)
        node.head = f"{m.variable()} = {node.head}"


def change_header(m: Maker, p: Program) -> None:
    if found := [n for n in p.nodes() if n.kind in ("for", "if", "with", "awith", "match") and n.head]:
        node = m.r.choice(found)
        made = m.around("if" if node.kind == "match" else node.kind, [], [])
        if node.kind == "match":
            node.head = f"match {m.variable()}:"
        elif not node.head.startswith("for w"):
            node.head = made.head


def add_case(m: Maker, p: Program) -> None:
    if found := [n for n in p.nodes() if n.kind == "match"]:
        node = m.r.choice(found)
        node.blocks[0].insert(0, Node("match-case", f"case {m.r.randint(1, 20)}:", [[m.operation(calls=False)]]))


def new_variable(m: Maker, p: Program) -> None:
    """Assigned in one place of the workflow's own body, used in a later one."""
    name = m.new("n")
    i = m.r.randint(0, len(p.body))
    p.body.insert(i, Node("assign", f"{name} = {m.r.randint(1, 9)}"))
    j = m.r.randint(i + 1, len(p.body))
    p.body.insert(j, Node("assign", f"{m.variable()} = {name} + 1"))


def rename_variable(m: Maker, p: Program) -> None:
    """Of the workflow's body, from its beginning: the initial value is taken over into the new name."""
    old, new = m.variable(), m.new("r")
    for node in [n for top in p.body for n in top.walk()]:
        node.head = re.sub(rf"\b{old}\b", new, node.head)
        node.joints = [re.sub(rf"\b{old}\b", new, j) for j in node.joints]
    p.body.insert(0, Node("fixed", f"{new} = {old}"))
    p.body.append(Node("fixed", f"{old} = {new}"))


def capture(m: Maker, p: Program) -> None:
    """A variable becomes one that a nested function uses."""
    name, v = m.new("g"), m.variable()
    place = m.r.randint(0, len(p.body))
    p.body.insert(place, Node("assign", f"{name} = lambda: {v} + 1"))
    p.body.insert(m.r.randint(place + 1, len(p.body)), Node("assign", f"{m.variable()} = {name}()"))


def release(m: Maker, p: Program) -> None:
    """A variable that a nested function used becomes an ordinary one again."""
    p.body[:] = [n for n in p.body if "lambda" not in n.head and not re.search(r"\bg\d+\(\)", n.head)]


EDITS: list[Edit] = [
    insert, insert, delete, delete, move, move, swap_operations, swap_operations, duplicate, duplicate, wrap, wrap,
    unwrap, swap_wrappers, change_argument, change_target, change_header, add_case, new_variable, rename_variable,
    capture, release,
]  # fmt: skip
assert VARIABLES

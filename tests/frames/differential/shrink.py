"""Makes a failing program small: parts are taken away for as long as it still fails in the same way."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Iterator

from tests.frames.differential.generator import program, shaken
from tests.frames.differential.runner import check

_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


def shrink(seed: int, text: str | None = None) -> str:
    """The smallest program found that fails as the program of ``seed`` does."""
    text = program(seed) if text is None else text
    wanted = failure(seed, text)
    if wanted is None:
        return f"# the program of {seed} does not fail"
    smaller: str | None = text
    while smaller is not None:
        text = smaller
        smaller = next((t for t in _candidates(text) if len(t) < len(text) and failure(seed, t) == wanted), None)
    return text


def failure(seed: int, text: str) -> str | None:
    """How a program fails, in the few words that stay the same while it shrinks."""
    try:
        check(seed, Counter(), text)
    except Exception as e:
        return " ".join([type(e).__name__, *[w for w in str(e).split() if w.isalpha()][:2]])
    return None


def _candidates(text: str) -> Iterator[str]:
    """Programs with something less, those that lose most first."""
    tree = ast.parse(text)
    places = [
        (number, field, i)
        for number, node in enumerate(ast.walk(tree))
        for field in _BLOCKS
        if isinstance(getattr(node, field, None), list) and not isinstance(node, (ast.Module, ast.ClassDef))
        for i in range(len(getattr(node, field)))
    ]
    sizes = [len(ast.unparse(_at(tree, n, f)[i])) for n, f, i in places]
    for _, (number, field, i) in sorted(zip(sizes, places), key=lambda x: -x[0]):
        for change in (_without, _opened):
            made = copy.deepcopy(tree)
            if change(_at(made, number, field), i, field):
                yield _text(made)
    yield from _simpler_expressions(tree)


def _at(tree: ast.AST, number: int, field: str) -> list[ast.AST]:
    found: list[ast.AST] = getattr(list(ast.walk(tree))[number], field)
    return found


def _without(block: list[ast.AST], i: int, field: str) -> bool:
    if isinstance(block[i], ast.Pass):
        return False
    del block[i]
    if not block and field == "body":
        block.append(ast.Pass())
    return True


def _opened(block: list[ast.AST], i: int, field: str) -> bool:
    """A compound statement replaced by what is in it."""
    inside = [s for f in _BLOCKS[:3] for s in getattr(block[i], f, []) if isinstance(s, ast.stmt)]
    if not inside or isinstance(block[i], (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler)):
        return False
    block[i : i + 1] = inside
    return True


def _simpler_expressions(tree: ast.Module) -> Iterator[str]:
    """An expression replaced by a part of it, or by a number."""
    for number, node in enumerate(ast.walk(tree)):
        for field, value in ast.iter_fields(node):
            if isinstance(value, ast.expr) and not isinstance(value, (ast.Constant, ast.Name)):
                parts = [p for p in ast.iter_child_nodes(value) if isinstance(p, ast.expr)]
                for k in range(len(parts) + 1):
                    made = copy.deepcopy(tree)
                    target = list(ast.walk(made))[number]
                    old = getattr(target, field)
                    options = [
                        *(p for p in ast.iter_child_nodes(old) if isinstance(p, ast.expr)),
                        ast.Constant(value=1),
                    ]
                    setattr(target, field, options[k])
                    yield _text(made)


def _text(tree: ast.Module) -> str:
    try:
        return shaken(ast.unparse(tree))
    except Exception:  # taken apart so that it is no program
        return " " * 10**6

"""Blocks of random statements, of a limited size and depth."""

from __future__ import annotations

import re

from tests.frames.differential.grammar import Grammar

_BLOCKS = ("$block", "$loop", "$starred", "$body")
SPILLS = frozenset(_BLOCKS)


class Statements(Grammar):
    """``size`` statements in all, at most ``deepest`` blocks in each other."""

    variables: tuple[str, ...] = ()

    def __init__(self, seed: int, style: str, size: int, deepest: int) -> None:
        super().__init__(seed, style)
        self.budget, self.deepest, self.level = size, deepest, 0

    def draw_v(self) -> str:
        return self.r.choice(self.ints[:5])

    def draw_a(self) -> str:
        # a comprehension's own variables are read often, and never assigned to
        if len(self.ints) > 5 and self.chance(0.5):
            return self.r.choice(self.ints[5:])
        return self.expand(self.choose("a"))

    # -- blocks

    def draw_block(self, least: int = 1) -> str:
        self.level += 1
        depth, self.depth = self.depth, 0
        try:
            lines = []
            for _ in range(self.r.randint(least, 3)):
                if self.budget > 0:
                    lines.append(self.statement())
            return "\n".join(lines) or "pass"
        finally:
            self.level, self.depth = self.level - 1, depth

    def draw_loop(self) -> str:
        return self._with(True, self.jump)

    def draw_starred(self) -> str:
        return self._with(False, False)

    def _with(self, loop: bool, jump: bool) -> str:
        saved, self.loop, self.jump = (self.loop, self.jump), loop, jump
        try:
            return self.draw_block()
        finally:
            self.loop, self.jump = saved

    def statement(self) -> str:
        self.budget -= 1
        simple = self.level >= self.deepest or self.chance(0.44)
        return self.lines("simple" if simple else "compound")

    def lines(self, symbol: str) -> str:
        """A statement of ``symbol``, which may be the name of another table, on lines of its own."""
        template = self.choose(symbol)
        while (m := re.fullmatch(r"\$([a-z]+)", template)) and m[1] not in ("op",):
            template = self.choose(m[1])
        names: dict[str, str] = {}
        return "\n".join(self._line(x, names) for x in self._kept(template))

    def _line(self, line: str, names: dict[str, str]) -> str:
        text = line.lstrip(" ")
        indent = line[: len(line) - len(text)]
        if text in SPILLS:
            text = self.draw(text[1:])
        elif m := re.fullmatch(r"\$(caught|trouble|troubles|again|againstar|raise)", text):
            text = self.lines(m[1])
        else:
            text = self.expand(text, names)
        return "\n".join(indent + x for x in text.split("\n"))

    def _kept(self, template: str) -> list[str]:
        """The lines of the template, some of the optional ones left out with what is under them."""
        out: list[str] = []
        dropped = None
        for line in template.split("\n"):
            indent = len(line) - len(line.lstrip(" "))
            if dropped is not None and indent > dropped:
                continue
            dropped = None
            if line.lstrip().startswith("?"):
                if not self.chance(0.4):
                    dropped = indent
                    continue
                line = line.replace("?", "", 1)
            out.append(line)
        return out

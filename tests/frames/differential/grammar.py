"""Random text from tables of templates.

A table maps a symbol to its alternatives, each a weight and a template. In a template

* ``$i`` is replaced by a random text of symbol ``i``;
* ``~v`` is a new name, the same wherever ``~v`` stands in the template;
* ``«x»`` suspends on ``x``: ``await x``, ``(yield x)`` or ``(yield from x)``, as the program's style wants;
* ``⟨in v|x⟩`` is ``x`` in a comprehension, where ``~v`` is one more integer; ``⟨pure v|x⟩`` where nothing may suspend
  (a lambda, an ordinary generator expression); ``⟨plain |x⟩`` where a walrus is not allowed; ``⟨quoted |x⟩`` in an
  f-string.

What an alternative needs is read off its text: one with ``«`` is drawn only where suspending is allowed, and so on.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

Alternative = tuple[int, str]
Table = Mapping[str, Sequence[Alternative]]

MAX_EXPRESSION_DEPTH = 4
_PART = re.compile(r"\$([a-z]+)|~([a-zA-Z]+)|([«⟨])")
_CLOSING = {"«": "»", "⟨": "⟩"}
_LEAF = re.compile(r"\$(?!(?:a|v|digit|lv|arith|cmp)\b)")


class Grammar:
    """Draws from tables with one source of randomness. ``ints`` are the integer variables in scope."""

    tables: Table = {}

    def __init__(self, seed: int, style: str = "async") -> None:
        self.r = random.Random(seed)
        self.style = style
        self.ints = ["i0", "i1", "i2", "i3", "i4"]
        self.uid = itertools.count(1)
        self.depth = 0
        # what the place allows
        self.suspends, self.walrus, self.fstring, self.loop, self.jump = True, True, True, False, True
        self._choices: dict[Any, tuple[list[str], list[int]]] = {}

    # -- drawing

    def chance(self, p: float) -> bool:
        return self.r.random() < p

    def draw(self, symbol: str) -> str:
        """A random text of ``symbol``."""
        method = getattr(self, "draw_" + symbol, None)
        if method is not None:
            return str(method())
        self.depth += 1
        try:
            return self.expand(self.choose(symbol))
        finally:
            self.depth -= 1

    def choose(self, symbol: str) -> str:
        """One of the alternatives of ``symbol`` that are allowed here. Deep down only those that go no deeper."""
        deep = self.depth > MAX_EXPRESSION_DEPTH
        key = (symbol, deep, self.suspends, self.walrus, self.fstring, self.loop, self.jump)
        found = self._choices.get(key)
        if found is None:
            usable = [(w, t) for w, t in self.tables[symbol] if self.allows(t)]
            found = [(w, t) for w, t in usable if not _LEAF.search(t) and "«" not in t] if deep else usable
            found = found or usable
            self._choices[key] = found = ([t for _, t in found], [w for w, _ in found])
        return self.r.choices(*found)[0]

    def allows(self, template: str) -> bool:
        """May this alternative be used here?"""
        if template[0] == "$" and template[1:] in self.tables:
            return any(self.allows(t) for _, t in self.tables[template[1:]])
        if "«" in template and not self.suspends:
            return False
        if ":=" in template and not self.walrus:
            return False
        if "f'''" in template and not self.fstring:
            return False
        if "async " in template and (self.style != "async" or not self.suspends):
            return False
        if re.search(r"^ *(break|continue)$", template, re.M) and not self.loop:
            return False
        return self.jump or not re.search(r"^ *return\b", template, re.M)

    # -- templates

    def expand(self, template: str, names: dict[str, str] | None = None) -> str:
        """The template with everything in it drawn."""
        names = {} if names is None else names
        out, at = [], 0
        while (m := _PART.search(template, at)) is not None:
            out.append(template[at : m.start()])
            symbol, fresh, bracket = m.groups()
            if symbol is not None:
                out.append(self.draw(symbol))
                at = m.end()
            elif fresh is not None:
                out.append(self.name(fresh, names))
                at = m.end()
            else:
                end = _matching(template, m.start(), bracket, _CLOSING[bracket])
                inner = template[m.end() : end]
                out.append(self.suspend(self.expand(inner, names)) if bracket == "«" else self.scoped(inner, names))
                at = end + 1
        out.append(template[at:])
        return "".join(out)

    def name(self, prefix: str, names: dict[str, str]) -> str:
        if prefix not in names:
            names[prefix] = f"{prefix}{next(self.uid)}_"
        return names[prefix]

    def suspend(self, operand: str) -> str:
        if self.style == "async":
            return f"(await {operand})"
        if self.style == "yield" and operand.startswith("ctx."):
            return f"(yield {operand})"
        return f"(yield from {operand})"

    def scoped(self, inner: str, names: dict[str, str]) -> str:
        """``mode a b|text``: the text where the names are integers and the mode's rules hold."""
        head, _, text = inner.partition("|")
        mode, *more = head.split()
        saved = self.ints, self.suspends, self.walrus, self.fstring
        if mode != "plain" and mode != "quoted":
            self.ints = [*self.ints, *(self.name(n, names) for n in more)]
        self.walrus = self.walrus and mode == "quoted"
        self.fstring = self.fstring and mode != "quoted"
        if mode == "pure" or (mode == "in" and self.style != "async"):
            self.suspends = False
        try:
            return self.expand(text, names)
        finally:
            self.ints, self.suspends, self.walrus, self.fstring = saved


def _matching(text: str, at: int, opening: str, closing: str) -> int:
    depth = 0
    for i in range(at, len(text)):
        depth += (text[i] == opening) - (text[i] == closing)
        if depth == 0:
            return i
    raise ValueError(f"no {closing} in {text!r}")

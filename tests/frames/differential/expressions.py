"""Random expressions: type-aware, so that most programs run for a while before they fail."""

from __future__ import annotations

import random


class Expressions:
    """Draws expressions from ``self.r``. ``ints`` are the integer variables in scope; names say what is allowed."""

    def W(self, e):
        """suspend on e, in the program's style"""
        if self.style == "async":
            return f"await {e}"
        if self.style == "yield" and e.startswith("ctx."):
            return f"(yield {e})"
        return f"(yield from {e})"

    def __init__(self, seed, size=30, depth=4, style="async"):
        self.style = style
        self.r = random.Random(seed)
        self.size = size
        self.maxdepth = depth
        self.budget = size
        self.uid = 0
        self.features = set()

    def n(self, prefix):
        self.uid += 1
        return f"{prefix}{self.uid}"

    def pick(self, *xs):
        return self.r.choice(xs)

    def chance(self, p):
        return self.r.random() < p

    def feat(self, f):
        self.features.add(f)

    def atom(self):
        c = self.r.random()
        if c < 0.4:
            return str(self.r.randint(0, 5))
        if c < 0.85:
            return self.pick(*self.ints)
        if c < 0.9:
            return "o.x"
        if c < 0.93:
            return "G0"
        if c < 0.96:
            return "o.prop"
        return "len(l0)"

    def aw(self, d=0):
        c = self.r.random()
        if not self.awaits:
            return self.atom()
        name = self.pick("a", "b", "c", "d")
        if c < 0.5:
            return self.W(f'ctx.run("{name}", {self.i(d + 2)})')
        if c < 0.58:
            self.feat("op-fail")
            return self.W(f'ctx.run("fail", {self.i(d + 2)})')
        if c < 0.72:
            self.feat("helper")
            return self.W(
                self.pick(
                    f"h1(ctx, {self.i(d + 2)})",
                    f"h1(ctx, {self.i(d + 2)}, {self.i(d + 2)}, *{self.lst(d + 2)}, k={self.i(d + 2)})",
                    f"h1(ctx, {self.i(d + 2)}, **{{'z': {self.i(d + 2)}}}, k={self.i(d + 2)})",
                )
            )
        if c < 0.78:
            self.feat("helper-alias")
            return self.W(f"h2(ctx, {self.pick('l0', 'l1', 'o.items')})")
        if c < 0.82:
            self.feat("recursion")
            return self.W(f"rec(ctx, {self.r.randint(0, 3)})")
        if c < 0.88 and self.asyncs:
            self.feat("nested-async")
            return self.W(f"{self.pick(*self.asyncs)}({self.i(d + 2)})")
        if c < 0.94:
            self.feat("gather")
            k = self.r.randint(0, 3)
            parts = [f"h1(ctx, {self.i(d + 2)})" for _ in range(k)]
            if self.asyncs and self.chance(0.4):
                parts.append(f"{self.pick(*self.asyncs)}({self.i(d + 2)})")
            return f"sum({self.W('ctx.gather(' + ', '.join(parts) + ')')})"
        self.feat("all")
        return "sum(" + self.W(f'ctx.all([ctx.run("x", {self.atom()}), ctx.run("y", {self.atom()})])') + ")"

    def i(self, d=0):
        """int expression"""
        if d > 4 or self.chance(0.25):
            return self.atom()
        c = self.r.random()
        num = lambda: self.i(d + 1)
        if c < 0.26:
            return "(" + self.aw(d) + ")"
        if c < 0.36:
            return f"({num()} {self.pick('+', '-', '*')} {num()})"
        if c < 0.40:
            return f"T({num()})"
        if c < 0.44:
            self.feat("boolop")
            return (
                f"({num()} {self.pick('and', 'or')} {num()}"
                + (f" {self.pick('and', 'or')} {num()}" if self.chance(0.4) else "")
                + ")"
            )
        if c < 0.48:
            self.feat("ifexp")
            return f"({num()} if {self.b(d + 1)} else {num()})"
        if c < 0.52:
            return f"int({self.b(d + 1)})"
        if c < 0.57:
            self.feat("call-args")
            return self.pick(
                f"bump({num()}, {num()})",
                f"bump({num()}, k={num()})",
                f"bump({num()}, *{self.lst(d + 1)}, {num()})",
                f"bump(*[{num()}, {num()}], **{{'k': {num()}}}, z={num()})",
                f"bump(x={num()}, **{self.dct(d + 1, True)})",
                f"bump({num()}, {num()}, *({num()}, {num()}), k={num()}, **dict(q={num()}))",
            )
        if c < 0.61:
            self.feat("method")
            return self.pick(
                f"o.meth({num()})",
                f"o.meth({num()}, *{self.lst(d + 1)}, z={num()})",
                f"({self.W('mk(ctx, o)')}).meth({num()})" if self.awaits else f"o.meth({num()})",
            )
        if c < 0.65:
            self.feat("subscript")
            return self.pick(
                f"l0[{num()} % len(l0)]",
                f"o[{num()}]",
                f"o[{num()}:{num()}]",
                f"o[{num()}:{num()}:{num()}]",
                f"({self.lst(d + 1)} or [0])[{num()} % 1]",
                f"d0.get({num()}, {num()})",
                f"(l0 + [1])[{num()} % 2:][0] if len(l0) > 3 else {num()}",
            )
        if c < 0.69 and self.walrus_ok:
            self.feat("walrus")
            return f"({self.pick(*self.ints)} := {num()})"
        if c < 0.73:
            self.feat("lambda")
            return self.pick(
                f"(lambda a, b={num()}: a + b + {self.atom()})({num()})",
                f"(lambda *a: len(a) + {self.atom()})({num()}, {num()})",
                f"sum(map(lambda q: q + {self.atom()}, [{num()}, {num()}]))",
            )
        if c < 0.78:
            self.feat("fstring")
            return self.pick(
                f"len(f'{{{self.q(num())}}}-{{{self.q(num())}!r}}:{{{self.q(num())}}}')",
                f"len(f'{{{self.q(num())}:>{{{self.q(num())} % 7}}}}|{{{self.q(num())}}}')",
                f"len(f'x{{{self.q(self.s(d + 1))}}}y' + f'{{{self.q(num())}=}}')",
            )
        if c < 0.86:
            return self.comp(d)
        if c < 0.90:
            return f"len({self.lst(d + 1)})"
        if c < 0.93:
            return f"len({self.s(d + 1)})"
        if c < 0.95 and self.closures:
            self.feat("closure-call")
            return f"{self.pick(*self.closures)}({num()})"
        if c < 0.97:
            return f"({self.pick('-', '+', '~')}{num()})"
        return f"max({num()}, {num()}, *{self.lst(d + 1)})"

    def q(self, e):
        """expression text usable inside an f-string replacement field on 3.11"""
        if "'" in e or "{" in e or "\\" in e or "lambda" in e or ":=" in e or "\n" in e:
            return self.atom()
        return "(" + e.replace('"', '"') + ")" if '"' not in e else self.qq(e)

    def qq(self, e):
        return "(" + e + ")"

    def comp(self, d):
        self.feat("comp")
        v = self.n("v")
        c = self.r.random()
        save = self.ints, self.walrus_ok, self.awaits
        self.walrus_ok = False
        it = self.pick("range(3)", "l1[:3]", "[1, 2]", self.lst(d + 2))
        self.ints = self.ints + [v]
        try:
            if self.style != "async":
                self.awaits = False  # yield is not allowed inside comprehensions
            elt = self.i(d + 2)
            cond = f" if {self.b(d + 3)}" if self.chance(0.4) else ""
            if self.chance(0.3):
                w = self.n("v")
                second = f" for {w} in range({v} % 3)"
                self.ints = self.ints + [w]
                elt = self.i(d + 2)
            else:
                second = ""
            if save[1] and self.chance(0.12):
                self.feat("comp-walrus")
                elt = f"({save[0][0]} := {elt})"
            if c < 0.45:
                return f"sum([{elt} for {v} in {it}{cond}{second}])"
            if c < 0.6:
                return f"len({{{elt} for {v} in {it}{cond}{second}}})"
            if c < 0.75:
                return f"sum({{{elt}: {self.i(d + 2)} for {v} in {it}{cond}{second}}}.values())"
            if c < 0.85 and self.awaits and self.style == "async":
                self.feat("async-comp")
                src = self.pick(
                    f"AIter(ctx, {self.r.randint(0, 3)})",
                    f"agen(ctx, {self.r.randint(0, 3)})",
                    f"({v} + {self.atom()} async for {v} in agen(ctx, 2))",
                    f"(await ctx.run('ge', {v}) for {v} in [1, 2])",
                )
                if self.chance(0.4):
                    self.feat("async-gen")
                return f"sum([{elt} async for {v} in {src}{cond}])"
            # generator expression: only the first iterable may await
            self.ints, self.awaits = save[0], save[2]
            first = f"[{self.i(d + 2)}, {self.i(d + 2)}]"
            return f"sum({v} + {self.atom()} for {v} in {first})"
        finally:
            self.ints, self.walrus_ok, self.awaits = save

    def b(self, d=0):
        if d > 4 or self.chance(0.2):
            return self.pick("True", "False", f"{self.atom()} > {self.atom()}")
        c = self.r.random()
        num = lambda: self.i(d + 1)
        if c < 0.3:
            return f"({num()} {self.pick('<', '>', '==', '!=', '<=')} {num()})"
        if c < 0.5:
            self.feat("chain")
            return (
                f"({num()} {self.pick('<', '<=', '!=')} {num()} {self.pick('<', '>', '!=')} {num()}"
                + (f" <= {num()}" if self.chance(0.3) else "")
                + ")"
            )
        if c < 0.65:
            return f"(not {self.b(d + 1)})"
        if c < 0.8:
            return f"({self.b(d + 1)} {self.pick('and', 'or')} {self.b(d + 1)})"
        if c < 0.9:
            return f"({num()} in {self.lst(d + 1)})"
        return f"({self.lst(d + 1)} == {self.lst(d + 1)})"

    def lst(self, d=0):
        if d > 4 or self.chance(0.35):
            return self.pick("l0", "l1", "[1, 2]", "o.items", "[]")
        c = self.r.random()
        num = lambda: self.i(d + 1)
        if c < 0.4:
            return "[" + ", ".join(num() for _ in range(self.r.randint(0, 4))) + "]"
        if c < 0.55:
            self.feat("star-display")
            return f"[{num()}, *{self.lst(d + 1)}, {num()}]"
        if c < 0.65:
            return f"[*{self.lst(d + 1)}, *{self.lst(d + 1)}]"
        if c < 0.75:
            return f"({self.lst(d + 1)} + {self.lst(d + 1)})"
        if c < 0.85:
            return f"{self.lst(d + 1)}[{self.pick('', '1')}:{num()}]"
        if c < 0.92:
            v = self.n("v")
            w, self.walrus_ok = self.walrus_ok, False
            try:
                return f"[{v} for {v} in {self.lst(d + 1)}]"
            finally:
                self.walrus_ok = w
        return f"list({self.dct(d + 1)})"

    def dct(self, d=0, strs=False):
        num = lambda: self.i(d + 1)
        if strs:
            return f"{{'k': {num()}, **{{'m': {num()}}}}}"
        if self.chance(0.4):
            return self.pick("d0", "{1: 2}")
        return self.pick(f"{{{num()}: {num()}, {num()}: {num()}}}", f"{{{num()}: {num()}, **d0, {num()}: {num()}}}")

    def s(self, d=0):
        if d > 3 or self.chance(0.4):
            return self.pick("s0", '"ab"', "str(i0)")
        return self.pick(
            f"(s0 + str({self.i(d + 1)}))",
            f"str({self.i(d + 1)})",
            f'("x%s" % {self.i(d + 1)})',
            f'"-".join([str({self.i(d + 1)}), s0])',
            f'"{{}}{{}}".format({self.i(d + 1)}, {self.i(d + 1)})',
        )

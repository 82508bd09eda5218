"""Random compound statements: loops, try, with, match, nested functions."""

from __future__ import annotations

from tests.frames.differential.simple_statements import SimpleStatements


class CompoundStatements(SimpleStatements):
    def block(self, ind, depth, loop=False, n=None):
        out = []
        k = n or self.r.randint(1, 4)
        for _ in range(k):
            if self.budget <= 0:
                break
            out += self.stmt(ind, depth, loop)
        if not out:
            out = [ind + self.pick("pass", f"T({self.atom()})")]
        return out

    def stmt(self, ind, depth, loop):
        self.budget -= 1
        num = self.i
        c = self.r.random()
        simple = depth >= self.maxdepth
        if simple or c < 0.44:
            return self.simple(ind, loop)
        sub = ind + "    "
        c = self.r.random()
        D = depth + 1
        if c < 0.16:
            self.feat("if")
            out = [f"{ind}if {self.b()}:"] + self.block(sub, D, loop)
            if self.chance(0.3):
                out += [f"{ind}elif {self.b()}:"] + self.block(sub, D, loop)
            if self.chance(0.5):
                out += [f"{ind}else:"] + self.block(sub, D, loop)
            return out
        if c < 0.36:
            self.feat("for")
            v = self.pick(*self.ints[:4])
            src, tgt = self.pick(
                (f"range({self.r.randint(1, 4)})", v),
                (f"list({self.lst()})[:3]", v),
                ("[4, 5]", v),
                ("l1[:3]", v),
                (f"enumerate([{num()}, {num()}])", f"({v}, i3)"),
                (f"zip({self.lst()}, [1, 2, 3])", f"{v}, i2"),
                ("d0.items()", f"{v}, i1"),
                ("list(d0)", v),
                ("d0", v),
                ("d0.values()", v),
                ("reversed([1, 2, 3])", v),
                ("(1, 2)", v),
                ("range(0)", v),
                ("range(6, 0, -2)", v),
                (f"map(bump, [{num()}, 2])", v),
                ("filter(None, [0, 1, 2])", v),
                ("dgen(3)", v),
                (f"[[1, {num()}], [3, 4]]", f"[{v}, o.x]"),
                ("[(1, 2, 3), (4, 5)]", f"({v}, *l1)"),
                ("iter([1, 2])", v),
                ("reversed(d0)", v),
                ("zip(range(3), dgen(2))", f"{v}, i2"),
                ("enumerate(list(d0.items()))", f"{v}, (i1, i2)"),
                ("enumerate({5: 6, 7: 8}.items())", f"{v}, (i1, i2)"),
                ("sorted({3, 1, 2})", v),
                ("(q + i0 for q in l1[:3])", v),
                ("enumerate(q for q in [5, 6] if q != i1)", f"i3, {v}"),
                ("[1, 2]", f"l0[{num()} % len(l0)]"),
                ("map(lambda q: q + i0, [1, 2])", v),
                (f"{{{num()}, {num()}}} and [1]", v),
                ("iter(lambda: bump(1), 2)", v),
            )
            self.feat("for:" + src.split("(")[0].split("[")[0][:10])
            out = [f"{ind}for {tgt} in {src}:"] + self.block(sub, D, True)
            if self.chance(0.3):
                self.feat("for-else")
                out += [f"{ind}else:"] + self.block(sub, D, loop)
            return out
        if c < 0.46:
            self.feat("while")
            w = self.n("w")
            out = [
                f"{ind}{w} = 0",
                f"{ind}while {w} < {self.r.randint(1, 3)}" + (f" and {self.b()}" if self.chance(0.6) else "") + ":",
                f"{sub}{w} += 1",
            ] + self.block(sub, D, True)
            if self.chance(0.35):
                self.feat("while-else")
                out += [f"{ind}else:"] + self.block(sub, D, loop)
            return out
        if c < 0.72:
            return self.try_(ind, D, loop)
        if c < 0.79:
            self.feat("with")
            items = [
                f"CM('{self.n('m')}', {self.pick(0, 0, 1)})"
                + (f" as {self.pick(self.ints[0], 'o.x', 'l0[0]')}" if self.chance(0.5) else "")
                for _ in range(self.r.randint(1, 2))
            ]
            if self.chance(0.2):
                items.append(f"CM('{self.n('m')}', {num()} % 2)")
            return [f"{ind}with {', '.join(items)}:"] + self.block(sub, D, loop)
        if c < 0.85 and self.awaits and self.style == "async":
            self.feat("async-with")
            items = [
                f"ACM(ctx, '{self.n('m')}', {self.pick(0, 0, 0, 1, 3)})"
                + (f" as {self.pick(self.ints[0], 'o.x')}" if self.chance(0.5) else "")
                for _ in range(self.r.choice([1, 1, 2]))
            ]
            return [f"{ind}async with {', '.join(items)}:"] + self.block(sub, D, loop)
        if c < 0.9 and self.awaits and self.style == "async":
            self.feat("async-for")
            v = self.pick(*self.ints[:4])
            src = self.pick(
                f"AIter(ctx, {self.r.randint(0, 3)})",
                f"agen(ctx, {self.r.randint(0, 3)})",
                f"(q + {self.atom()} async for q in agen(ctx, 2))",
                f"(await ctx.run('ge', q) for q in [1, 2] if q != {self.atom()})",
            )
            self.feat("async-for:" + src[:5])
            out = [f"{ind}async for {v} in {src}:"] + self.block(sub, D, True)
            if self.chance(0.35):
                out += [f"{ind}else:"] + self.block(sub, D, loop)
            return out
        if c < 0.96:
            return self.match_(ind, D, loop)
        return self.nested(ind, D)

    def try_(self, ind, D, loop):
        sub = ind + "    "
        self.feat("try")
        if self.chance(0.12):
            self.feat("except*")
            out = [f"{ind}try:"] + self.block(sub, D, False)
            out += (
                [
                    f"{sub}raise ExceptionGroup('g', [{self.pick('E1(1)', 'E2(2)', 'ValueError(3)')}, "
                    "KeyError(4), E2(5)])"
                ]
                if self.chance(0.7)
                else []
            )
            for t in self.r.sample(["E1", "ValueError", "(KeyError, TypeError)", "Exception"], self.r.randint(1, 2)):
                saved, self.no_jump = self.no_jump, True
                out += (
                    [f"{ind}except* {t} as eg:"]
                    + [f"{sub}T(sorted(map(repr, eg.exceptions)))"]
                    + self.block(sub, D, False)
                )
                if self.chance(0.3):
                    out += [sub + self.pick("raise", "raise E1('in star')", "raise E1('in star') from eg", "raise eg")]
                self.no_jump = saved
            if self.chance(0.3):
                out += [f"{ind}else:"] + self.block(sub, D, loop)
            if self.chance(0.3):
                out += [f"{ind}finally:"] + self.block(sub, D, loop)
            return out
        out = [f"{ind}try:"] + self.block(sub, D, loop)
        if self.chance(0.5):
            out += [
                sub
                + self.pick(
                    "raise E1(i0)",
                    "raise E2('x')",
                    "raise ValueError(i1)",
                    "raise KeyError('k')",
                    "raise E3(1, i0)",
                    "1 / 0",
                    "T(undefined_name)",
                )
            ]
        nh = self.r.choice([0, 1, 1, 1, 2])
        types = self.r.sample(["E1", "E2", "ValueError", "(KeyError, ZeroDivisionError)", "Exception", "E3"], nh)
        for t in types:
            nm = self.pick("", " as e", " as e", " as ex")
            self.feat("except")
            out += [f"{ind}except {t}{nm}:"]
            if nm:
                v = nm.split()[1]
                out += [f"{sub}T(('caught', type({v}).__name__, {v}.args))"]
                if self.chance(0.15):
                    self.feat("rebind-e")
                    out += [f"{sub}{v} = {self.i()}", f"{sub}T({v})"]
                elif self.chance(0.1):
                    self.feat("del-e")
                    out += [f"{sub}del {v}"]
            out += self.block(sub, D, loop)
            if self.chance(0.3):
                self.feat("reraise")
                out += [
                    sub
                    + self.pick(
                        "raise",
                        "raise E1('again')",
                        "raise E2('from') from None",
                        "raise E3(2, 3) from ValueError('c')",
                    )
                ]
        if nh and self.chance(0.15):
            self.feat("bare-except")
            out += [f"{ind}except:"] + self.block(sub, D, loop)
        if nh and self.chance(0.3):
            self.feat("try-else")
            out += [f"{ind}else:"] + self.block(sub, D, loop)
        if nh == 0 or self.chance(0.4):
            self.feat("finally")
            out += [f"{ind}finally:"] + self.block(sub, D, loop)
            if self.chance(0.08) and not self.no_jump:
                self.feat("return-in-finally")
                out += [f"{sub}return {self.i()}"]
        return out

    def match_(self, ind, D, loop):
        self.feat("match")
        sub, sub2 = ind + "    ", ind + "        "
        subj = self.pick(
            self.i(), f"[{self.i()}, {self.i()}]", f"({self.i()}, {self.lst()})", "{'k': i0, 'z': 2}", "o", self.lst()
        )
        out = [f"{ind}match {subj}:"]
        pats = [
            "0",
            "1 | 2",
            "int()",
            "[a1, b1]",
            "[1, *r1]",
            "(q1, [])",
            "{'k': k1, **kw1}",
            "Obj(x=x1)",
            "[]",
            "str()",
            "-1",
            "[[1, z1], _]",
            "{'k': (1 | 2) as k2}",
            "Obj(x=1, y=yy)",
            "G1",
        ]
        for p in self.r.sample([p for p in pats if p != "G1"], self.r.randint(1, 4)):
            g = ""
            if self.chance(0.35):
                g = f" if {self.b()}"
                self.feat("match-guard")
            out += [f"{sub}case {p}{g}:"] + self.block(sub2, D, loop)
        if self.chance(0.7):
            out += [f"{sub}case _:"] + self.block(sub2, D, loop)
        return out

    def nested(self, ind, D):
        sub = ind + "    "
        c = self.r.random()
        if c < 0.35:
            self.feat("closure")
            f = self.n("f")
            v = self.pick(*self.ints[:3])
            out = [f"{ind}def {f}(p, q={self.i()}):"]
            if self.chance(0.5):
                self.feat("nonlocal")
                out += [f"{sub}nonlocal {v}", f"{sub}{v} += p"]
            out += [f"{sub}return {v} + q + p"]
            self.closures_later.append(f)
            out += [f"{ind}T({f}({self.i()}))"]
            self.feat("closure")
            return out + [f"{ind}{self.pick(*self.ints)} = {f}({self.i()}, {self.i()})"]
        if c < 0.75 and self.awaits:
            self.feat("nested-async-def")
            f = self.n("af")
            v = self.pick(*self.ints[:3])
            W = self.W
            out = [f"{ind}{self.D} {f}(p):"]
            if self.chance(0.5):
                out += [f"{sub}nonlocal {v}", f"{sub}{v} += " + W("ctx.run('nl', p)")]
            out += [f"{sub}zz = {v} + " + W("ctx.run('na', p)")]
            if self.chance(0.4):
                out += [f"{sub}for yy in range(2):", f"{sub}    zz += " + W("ctx.run('nb', yy)")]
            if self.chance(0.3):
                out += [f"{sub}l0.append(zz)"]
            out += [f"{sub}return zz + {v}"]
            return out + [
                f"{ind}{self.pick(*self.ints)} = " + W(f"{f}({self.i()})"),
                f"{ind}{self.pick(*self.ints)} = sum(" + W(f"ctx.gather({f}(1), {f}({self.atom()}))") + ")",
            ]
        g = self.n("g")
        self.feat("nested-gen")
        out = [f"{ind}def {g}(p):", f"{sub}for k in range(3):", f"{sub}    yield k + p + {self.pick(*self.ints[:3])}"]
        v = self.pick(*self.ints[:3])
        return out + [f"{ind}for {v} in {g}({self.i()}):"] + self.block(sub, D, True)

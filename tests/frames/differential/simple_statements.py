"""Random simple statements."""

from __future__ import annotations

from tests.frames.differential.expressions import Expressions


class SimpleStatements(Expressions):
    def simple(self, ind, loop):
        num = self.i
        V = lambda: self.pick(*self.ints)
        c = self.r.random()
        if c < 0.26:
            return [f"{ind}{V()} = {num()}"]
        if c < 0.36:
            self.feat("augassign")
            return [
                ind
                + self.pick(
                    f"{V()} += {num()}",
                    f"{V()} -= {num()}",
                    f"o.x += {num()}",
                    f"l0[{num()} % len(l0)] += {num()}",
                    f"l1 += {self.lst()}",
                    f"o.items[{num()}:{num()}] += [{num()}]",
                    f"d0[{num()}] = {num()}",
                    f"o[{num()}] += {num()}",
                    f"G1[0] += {num()}",
                    f"(o if {self.b()} else o).y *= {num()}",
                    f"s0 += str({num()})",
                )
            ]
        if c < 0.44:
            self.feat("method-await")
            return [
                ind
                + self.pick(
                    f"l0.append({num()})",
                    f"l1.insert({num()}, {num()})",
                    f"l1.extend([{num()}, {num()}])",
                    f"d0.update({{{num()}: {num()}}})",
                    f"o.items.append({num()})",
                    f"T(('t', {num()}, {num()}))",
                    f"d0.setdefault({num()}, {num()})",
                )
            ]
        if c < 0.53:
            self.feat("multi-target")
            return [
                ind
                + self.pick(
                    f"{V()} = {V()} = {num()}",
                    f"{V()}, {V()} = {num()}, {num()}",
                    f"o.x = l0[{num()} % len(l0)] = {num()}",
                    f"({V()}, o[{num()}]) = [{num()}, {num()}]",
                    f"{V()}, *l1 = [{num()}, {num()}, {num()}]",
                    f"[{V()}, (o.y, {V()})] = {num()}, ({num()}, {num()})",
                    f"d0[{num()}] = d0[{num()}] = {num()}",
                    f"o[{num()}], *o.items = {self.lst()} + [1]",
                    f"l1 = l0 = {self.lst()} + [{num()}]",
                    f"l0[{num()} % len(l0)], l0[0] = {num()}, {num()}",
                )
            ]
        if c < 0.57:
            self.feat("annassign")
            return [
                ind + self.pick(f"{V()}: int = {num()}", f"o.y: int = {num()}", f"l0[{num()} % len(l0)]: 'x' = {num()}")
            ]
        if c < 0.61:
            self.feat("del")
            v = self.n("t")
            return self.r.choice(
                [
                    [f"{ind}{v} = {num()}", f"{ind}T({v})", f"{ind}del {v}"],
                    [f"{ind}d0[99] = 1", f"{ind}del d0[99 + 0 * {num()}]"],
                    [f"{ind}del o[{num()}], o[{num()}]"],
                    [f"{ind}l1 = [1, 2, 3]", f"{ind}del l1[{num()} % 2:], l0[3:]"],
                ]
            )
        if c < 0.64:
            self.feat("assert")
            return [
                ind + self.pick(f"assert {self.b()}, {num()}", f"assert {self.b()} or True", f"assert True, {num()}")
            ]
        if c < 0.67:
            self.feat("raise")
            return [
                ind
                + self.pick(
                    f"raise E1({num()})",
                    f"raise E3({num()}, {num()})",
                    f"raise E1({num()}) from E2({num()})",
                    f"raise ValueError({num()})",
                )
            ]
        if c < 0.72:
            return [f"{ind}{self.aw()}"]
        if c < 0.76 and loop:
            self.feat("break/continue")
            return [f"{ind}if {self.b()}:", f"{ind}    {self.pick('break', 'continue')}"]
        if c < 0.78 and not self.no_jump:
            self.feat("return")
            return [f"{ind}if {self.b()}:", f"{ind}    return {self.pick(num(), '', f'({num()}, {num()})')}"]
        if c < 0.81:
            self.feat("global")
            return [ind + self.pick(f"G2 = {num()}", f"G2 += {num()}", f"G2 = G2 + {num()}")]
        if c < 0.84:
            self.feat("alias")
            return [
                ind
                + self.pick(
                    "l1 = l0",
                    "o.items = l0",
                    "l0 = o.items + [1]",
                    "d0 = dict(d0)",
                    "l1 = o.items",
                    "o = Obj(i0)",
                    "cl = lambda p: p + i0",
                    "cl = o.meth",
                    "cl = bump",
                    "cl = lambda p, _k=i1: p + _k + len(l0)",
                )
            ]
        if c < 0.87:
            self.feat("closure-var")
            return [f"{ind}{V()} = cl({num()})"]
        if c < 0.90:
            self.feat("gen-var")
            return self.r.choice(
                [
                    [f"{ind}it = dgen({num()} % 4)"],
                    [f"{ind}{V()} = next(it, {num()})"],
                    [f"{ind}it = iter(l1[:2])"],
                    [f"{ind}it = (q * i1 for q in [1, 2, 3] if q != i2)"],
                    [f"{ind}it = zip(l0, dgen(2)); {V()} = len(next(it, ()))", f"{ind}it = iter({{1: 2, 3: 4}})"],
                    [f"{ind}{V()} = sum(x if isinstance(x, int) else 0 for x in it)"],
                ]
            )
        if c < 0.93:
            return [f"{ind}import math as m1", f"{ind}{V()} = m1.floor({num()} / 2)"]
        if c < 0.95:
            self.feat("coro-var")
            co = self.n("co")
            return [f"{ind}{co} = h1(ctx, {num()})", f"{ind}{V()} = " + self.W(co)] if self.awaits else [f"{ind}pass"]
        return [f"{ind}T({num()})"]

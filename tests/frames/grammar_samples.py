"""A sample for every place of Python's grammar where a suspension can stand.

The keys are those of the abstract syntax: ``"Assign.targets"`` is an ``await`` somewhere in the targets of an
assignment. Each sample is the body of ``async def wf(ctx)``, unless it defines ``wf`` itself.
"""

from __future__ import annotations

PRELUDE = """
@register
class Mat:
    def __init__(self, n): self.n = n
    def __rmatmul__(self, other): return other * self.n

@register
class Grid:
    def __getitem__(self, key): return key

class Base:
    def __init_subclass__(cls, **kw): log.append(sorted(kw.items()))

@register
class CM:
    def __init__(self, n): self.n = n
    def __enter__(self):
        log.append(("enter", self.n))
        return self.n
    def __exit__(self, *error):
        log.append(("exit", self.n, repr(error[1])))

@register
class ACM:
    def __init__(self, ctx, n): self.ctx, self.n = ctx, n
    @durable
    async def __aenter__(self):
        log.append(("enter", await self.ctx.run("enter", self.n)))
        return self.n
    @durable
    async def __aexit__(self, *error):
        log.append(("exit", await self.ctx.run("exit", self.n), repr(error[1])))
"""

STATEMENTS = {
    "FunctionDef.args": """
        def f(a=await ctx.run("a", 1), *, b=await ctx.run("b", 2)): return a, b
        await ctx.run("c")
        return f(), f(5, b=6)
    """,
    "FunctionDef.body": """
        @durable
        def wf(ctx):
            def f(n):
                total = 0
                for i in range(n):
                    total += yield from ctx.run("a", i + 1)
                return total
            return (yield from f(2)), (yield from f(1))
    """,
    "FunctionDef.decorator_list": """
        def deco(n): return lambda f: lambda *a: (n, f(*a))
        @deco(await ctx.run("a", 1))
        @deco(await ctx.run("b", 2))
        def f(x): return x
        return f(await ctx.run("c", 3))
    """,
    "AsyncFunctionDef.args": """
        async def f(a=await ctx.run("a", 1), *, b=await ctx.run("b", 2)): return a, b, await ctx.run("d", 3)
        await ctx.run("c")
        return await f(), await f(5, b=6)
    """,
    "AsyncFunctionDef.body": """
        async def f(n): return await ctx.run("a", n) + n
        return [await f(1), await f(2)]
    """,
    "AsyncFunctionDef.decorator_list": """
        def deco(n):
            def wrap(f):
                log.append(n)
                return f
            return wrap
        @deco(await ctx.run("a", 1))
        @deco(await ctx.run("b", 2))
        async def f(x): return await ctx.run("c", x)
        return await f(5)
    """,
    "ClassDef.bases": """
        class C((await ctx.run("a"), CM)[1], (await ctx.run("b"), object)[1]):
            pass
        return C(1).n
    """,
    "ClassDef.keywords": """
        class C(Base, first=await ctx.run("a", 1), **{"more": await ctx.run("b", 2)}):
            pass
    """,
    "ClassDef.body": """
        class C:
            async def go(self, n): return await ctx.run("a", n)
            def sync(self): return [n for n in range(2)]
        log.append(C().sync())
        return await C().go(4)
    """,
    "ClassDef.decorator_list": """
        def deco(n):
            def wrap(c):
                log.append(n)
                return c
            return wrap
        @deco(await ctx.run("a", 1))
        @deco(await ctx.run("b", 2))
        class C: pass
        return C.__name__
    """,
    "Return.value": 'return await ctx.run("a", 1)',
    "Delete.targets": """
        xs, d = [1, 2, 3, 4, 5], {"k": 1, "l": 2, "m": 3}
        del xs[await ctx.run("a", 0)], d[await ctx.run("b", "k")], (xs[-1], [d[await ctx.run("c", "l")]])
        c = CM(1)
        c.x = c
        del (await ctx.run("e", 0) or c.x).x
        return xs, d, vars(c)
    """,
    "Assign.targets": """
        xs, d = [1, 2, 3], {}
        xs[await ctx.run("a", 0)] = d[await ctx.run("b", "k")] = y = await ctx.run("c", 9)
        [d[await ctx.run("d", "l")], *xs[await ctx.run("e", 1) : await ctx.run("f", 2)]], z = ("one", 2, 3), 4
        return xs, d, y, z
    """,
    "Assign.value": """
        a = b = await ctx.run("a", [1])
        c, (d, *e) = await ctx.run("b", (1, (2, 3, 4)))
        return a is b, c, d, e
    """,
    "AugAssign.target": """
        xs, d = [1, 2, 3], {"k": [1]}
        def there(n):
            log.append(n)
            return d
        xs[await ctx.run("a", 0)] += 5
        there("first")[await ctx.run("b", "k")] += [await ctx.run("c", 2)]
        xs[await ctx.run("d", 1) : await ctx.run("e", 3)] *= await ctx.run("f", 2)
        return xs, d
    """,
    "AugAssign.value": """
        n = 1
        n += await ctx.run("a", 2)
        n **= await ctx.run("b", 2)
        n @= Mat(await ctx.run("c", 3))
        return n
    """,
    "AnnAssign.target": """
        d = {}
        d[await ctx.run("a", "k")]: int = 5
        d[await ctx.run("b", "l")]: int
        (d[await ctx.run("c", "m")]): int = await ctx.run("d", 1)
        return d
    """,
    "AnnAssign.value": """
        n: int = await ctx.run("a", 2)
        m: list[int]
        try:
            m
        except UnboundLocalError:
            m = [n]
        return n, m
    """,
    "For.target": """
        xs, out = [0, 0, 0], []
        for xs[await ctx.run("a", 1)] in [5, 6]:
            out.append(list(xs))
        for (i, xs[await ctx.run("b", i)]), *rest in [((0, "x"), 1, 2), ((2, "y"),)]:
            out.append((list(xs), rest))
            await ctx.run("c")
        return out
    """,
    "For.iter": """
        out = []
        for x in await ctx.run("a", [1, 2]):
            out.append(x)
        for x in *out, await ctx.run("b", 3):
            out.append(await ctx.run("c", x))
        return out
    """,
    "For.body": """
        out = []
        for i in range(5):
            if i == 1: continue
            out.append(await ctx.run("a", i))
            if i == 3: break
        else:
            out.append("never")
        return out, i
    """,
    "For.orelse": """
        out = []
        for i in range(2):
            out.append(await ctx.run("a", i))
        else:
            out.append(await ctx.run("b", "else"))
        for i in []:
            pass
        else:
            out.append(await ctx.run("c", "empty"))
        return out
    """,
    "AsyncFor.target": """
        xs, out = [0, 0, 0], []
        async for xs[await ctx.run("a", 1)] in pages(ctx, 3):
            out.append(list(xs))
        return out
    """,
    "AsyncFor.iter": """
        out = []
        async for x in pages(ctx, await ctx.run("a", 2)):
            out.append(await ctx.run("b", x))
        return out
    """,
    "AsyncFor.body": """
        out = []
        async for i in pages(ctx, 5):
            if i == 1: continue
            out.append(await ctx.run("a", i))
            if i == 3: break
        else:
            out.append("never")
        return out, i
    """,
    "AsyncFor.orelse": """
        out = []
        async for i in pages(ctx, 2):
            out.append(i)
        else:
            out.append(await ctx.run("b", "else"))
        return out
    """,
    "While.test": """
        n = 0
        while await ctx.run("a", n) < 3 and n != await ctx.run("b", 5):
            n += 1
        return n
    """,
    "While.body": """
        n = 0
        while True:
            n += await ctx.run("a", 1)
            if n == 2: continue
            if n > 3: break
        return n
    """,
    "While.orelse": """
        n = 0
        while n < 2:
            n += 1
        else:
            n += await ctx.run("a", 10)
        return n
    """,
    "If.test": """
        if await ctx.run("a", 0): return 1
        elif await ctx.run("b", 1): return 2
        else: return 3
    """,
    "If.body": """
        if ctx: return await ctx.run("a", 1)
    """,
    "If.orelse": """
        if not ctx: return 1
        elif not ctx: return 2
        else: return await ctx.run("a", 3)
    """,
    "With.items": """
        d = {}
        with CM(await ctx.run("a", 1)) as d["x"], CM(await ctx.run("b", 2)) as d[await ctx.run("c", "y")]:
            log.append(d)
            await ctx.run("d")
        return d
    """,
    "With.body": """
        with CM(1) as x, CM(2) as (y):
            log.append(await ctx.run("a", x + y))
            return await ctx.run("b", 3)
    """,
    "AsyncWith.items": """
        d = {}
        async with ACM(ctx, await ctx.run("a", 1)) as d["x"], ACM(ctx, 2) as d[await ctx.run("c", "y")]:
            log.append(dict(d))
        return d
    """,
    "AsyncWith.body": """
        async with ACM(ctx, 1) as x, ACM(ctx, 2) as (y):
            log.append(await ctx.run("a", x + y))
            return await ctx.run("b", 3)
    """,
    "Match.subject": """
        match await ctx.run("a", {"k": [1, 2, 3], "l": 4}):
            case {"k": [first, *rest], **others}:
                return first, rest, others
    """,
    "Match.cases": """
        out = []
        for x in (1, "s", [1, 2], {"k": 5}, None, 2.5, CM(7), -1):
            match x:
                case bool() | float(): out.append(await ctx.run("number", x))
                case int(n) if n > await ctx.run("zero", 0): out.append(await ctx.run("int", n))
                case str() as s: out.append(await ctx.run("str", s))
                case [a, *b] if await ctx.run("guard", False): out.append("never")
                case [a, *b] if b == [await ctx.run("two", 2)]: out.append((a, await ctx.run("list", b)))
                case {"k": v, **rest}: out.append((await ctx.run("map", v), rest))
                case None: out.append(await ctx.run("none"))
                case CM(n=7) as c: out.append((await ctx.run("class"), c.n))
                case _: out.append(await ctx.run("other"))
        return out
    """,
    "Raise.exc": """
        try:
            raise ValueError(await ctx.run("a", 1))
        except ValueError as e:
            return e.args
    """,
    "Raise.cause": """
        try:
            raise ValueError(await ctx.run("a", 1)) from KeyError(await ctx.run("b", 2))
        except ValueError as e:
            return e.args, repr(e.__cause__)
    """,
    "Try.body": """
        try:
            await ctx.run("a", 1)
            await ctx.run("fail", 1)
        except ValueError as e:
            return e.args
    """,
    "Try.handlers": """
        out = []
        for name in ("fail", "fail key", "fail type", "fine"):
            try:
                await ctx.run(name, 1)
            except ValueError as e:
                out.append((await ctx.run("a", 1), repr(e)))
            except (KeyError, OSError) as e:
                out.append((await ctx.run("b", 2), repr(e)))
            except:
                out.append(await ctx.run("c", 3))
            try:
                e
            except UnboundLocalError:
                out.append("gone")
        return out
    """,
    "Try.orelse": """
        try:
            pass
        except ValueError:
            return 1
        else:
            return await ctx.run("a", 2)
    """,
    "Try.finalbody": """
        try:
            return await ctx.run("a", 1)
        finally:
            log.append(await ctx.run("b", 2))
    """,
    "TryStar.body": """
        try:
            await ctx.run("fail group", ValueError(1), KeyError(2))
        except* ValueError as e:
            log.append(repr(e))
        except* KeyError as e:
            log.append(repr(e))
    """,
    "TryStar.handlers": """
        try:
            raise ExceptionGroup("g", [ValueError(1), TypeError(2), KeyError(3)])
        except* ValueError as e:
            log.append((await ctx.run("a", 1), repr(e)))
        except* (KeyError, TypeError) as e:
            log.append((await ctx.run("b", 2), repr(e)))
    """,
    "TryStar.orelse": """
        try:
            pass
        except* ValueError as e:
            log.append("never")
        else:
            return await ctx.run("a", 2)
    """,
    "TryStar.finalbody": """
        try:
            raise ExceptionGroup("g", [ValueError(1)])
        except* ValueError as e:
            log.append(1)
        finally:
            log.append(await ctx.run("a", 2))
    """,
    "Assert.test": """
        assert await ctx.run("a", 1)
        try:
            assert await ctx.run("b", 0), "message"
        except AssertionError as e:
            return e.args
    """,
    "Assert.msg": """
        assert ctx, await ctx.run("a", "never")
        try:
            assert not ctx, await ctx.run("b", "message")
        except AssertionError as e:
            return e.args
    """,
    "Expr.value": 'await ctx.run("a", 1)',
}

EXPRESSIONS = {
    "BoolOp.values": """
        a = await ctx.run("a", 0) or await ctx.run("b", 2) and await ctx.run("c", 3)
        b = 1 and (await ctx.run("d", 0) or 5) and await ctx.run("e", "last")
        return a, b, not await ctx.run("f", 0) or await ctx.run("never")
    """,
    "NamedExpr.value": """
        log.append((y := await ctx.run("a", 1)) + y)
        if (n := await ctx.run("b", 5)) > 3: return n, [z := await ctx.run("c", i) for i in range(n)], z
    """,
    "BinOp.left": 'return await ctx.run("a", 1) + 2',
    "BinOp.right": """
        xs = [1]
        return (xs + [len(xs)]) + await ctx.run("a", [2]) + xs.append(3) if False else xs * await ctx.run("b", 2)
    """,
    "UnaryOp.operand": 'return -await ctx.run("a", 1), ~await ctx.run("b", 2), not await ctx.run("c", 3)',
    "Lambda.args": """
        f = lambda a=await ctx.run("a", 1), *, b=await ctx.run("b", 2): (a, b)
        await ctx.run("c")
        return f(), f(3, b=4)
    """,
    "IfExp.test": 'return 1 if await ctx.run("a", 0) else 2',
    "IfExp.body": 'return await ctx.run("a", 1) if ctx else 2',
    "IfExp.orelse": 'return 1 if not ctx else await ctx.run("a", 2)',
    "Dict.keys": """
        return {await ctx.run("a", 1): await ctx.run("b", 2), "x": 3, await ctx.run("c", "y"): 4}
    """,
    "Dict.values": """
        return {"a": await ctx.run("a", 1), **await ctx.run("b", {"k": 2}), **{"l": await ctx.run("c", 3)}, "z": 0}
    """,
    "Set.elts": 'return sorted({await ctx.run("a", 1), 2, *await ctx.run("b", [2, 3])})',
    "ListComp.elt": 'return [[await ctx.run("a", i + j) for i in range(2)] for j in range(2)]',
    "ListComp.generators": """
        return [x for i in await ctx.run("a", [1, 2]) if await ctx.run("b", i)
                for x in range(await ctx.run("c", i)) if x or await ctx.run("d", 1)]
    """,
    "SetComp.elt": 'return sorted({await ctx.run("a", i % 2) for i in range(3)})',
    "SetComp.generators": 'return sorted({i async for i in pages(ctx, 3) if await ctx.run("b", i)})',
    "DictComp.key": 'return {await ctx.run("a", i): i for i in range(2)}',
    "DictComp.value": 'return {i: await ctx.run("a", i) for i in range(2)}',
    "DictComp.generators": """
        return {i: j async for i in pages(ctx, 2) for j in await ctx.run("b", [i, i + 1])}
    """,
    "GeneratorExp.elt": """
        g = (await ctx.run("a", i) for i in range(3))
        return [x async for x in g], [x async for x in (await ctx.run("b", y) for y in range(2))]
    """,
    "GeneratorExp.generators": """
        g = (i + x for i in await ctx.run("a", [1, 2]) async for x in pages(ctx, 2) if await ctx.run("b", 1))
        await ctx.run("c")
        return [x async for x in g], list(y for y in await ctx.run("d", [1]))
    """,
    "Await.value": """
        async def give(op):
            await ctx.run("inner")
            return op
        return await ctx.run("a", await ctx.run("b", await ctx.run("c", 1))), await (await give(ctx.run("d", 2)))
    """,
    "Yield.value": """
        @durable
        async def more(ctx):
            got = yield await ctx.run("a", 1)
            log.append(got)
            yield
            yield (yield await ctx.run("b", 3))
        @durable
        async def wf(ctx):
            g = more(ctx)
            return await anext(g), await g.asend(await ctx.run("c", 2)), await anext(g), await g.asend(5)
    """,
    "YieldFrom.value": """
        @durable
        def part(ctx, n):
            try:
                return (yield from ctx.run("a", n)) + (yield from ctx.run("b", 1))
            finally:
                log.append((yield from ctx.run("c", n)))
        @durable
        def wf(ctx):
            return (yield from part(ctx, (yield from part(ctx, 5)))), [*(yield from ctx.run("d", [1]))]
    """,
    "Compare.left": 'return await ctx.run("a", 1) < 2 < 3',
    "Compare.comparators": """
        a = 1 < await ctx.run("a", 2) < await ctx.run("b", 3) != await ctx.run("c", 4)
        b = 1 < await ctx.run("d", 1) < await ctx.run("never", 3)
        c = await ctx.run("e", 1) in await ctx.run("f", [1]) is not await ctx.run("g", None)
        return a, b, c
    """,
    "Call.func": """
        async def give(): return (await ctx.run("a"), max)[1]
        return (await give())(1, await ctx.run("b", 2)), (await ctx.run("c", "text")).upper()
    """,
    "Call.args": """
        def f(*a, **k): return a, k
        xs = [1]
        def more():
            xs.append(2)
            return xs
        return f(xs, *xs, *more(), await ctx.run("a", 3), *await ctx.run("b", [4]), len(xs), x=await ctx.run("c", 5))
    """,
    "Call.keywords": """
        def f(*a, **k): return a, k
        d = {"z": 1}
        def change():
            d["y"] = 2
            return 3
        return f(**d, a=change(), b=await ctx.run("a", 1), **await ctx.run("b", {"c": 2}), e=len(d))
    """,
    "FormattedValue.value": """
        x = 5
        return f"{x}{await ctx.run('a', 1)}-{await ctx.run('b', 'q')!r:>5}{x=}{await ctx.run('c', 3)=}"
    """,
    "FormattedValue.format_spec": """
        return f"{3.14159:.{await ctx.run('a', 2)}f}|{await ctx.run('b', 7):>{await ctx.run('c', 4)}}|{1:{2}}"
    """,
    "JoinedStr.values": """
        n = [0]
        def bump():
            n[0] += 1
            return n[0]
        return f"{bump()}{n}{await ctx.run('a', 1)}{bump()}{n!s}"
    """,
    "Attribute.value": """
        return (await ctx.run("a", 1j)).imag, (await ctx.run("b", 5)).bit_length()
    """,
    "Subscript.value": 'return (await ctx.run("a", [1, 2]))[1], (await ctx.run("b", "abc"))[1:]',
    "Subscript.slice": """
        xs = [1, 2, 3, 4]
        g = Grid()
        return xs[await ctx.run("a", 1)], g[1, await ctx.run("b", 2) :, ..., *await ctx.run("c", [3])]
    """,
    "Starred.value": """
        first, *rest = *await ctx.run("a", [1, 2]), await ctx.run("b", 3), *[4]
        return first, rest, (*rest, *await ctx.run("c", "xy")), [*rest, await ctx.run("d", 1), *rest]
    """,
    "List.elts": 'return [1, await ctx.run("a", 2), len(log), await ctx.run("b", 3), 4]',
    "Tuple.elts": 'return 1, await ctx.run("a", 2), len(log), await ctx.run("b", 3), 4',
    "Slice.lower": 'return [1, 2, 3, 4][await ctx.run("a", 1) :]',
    "Slice.upper": 'return [1, 2, 3, 4][: await ctx.run("a", 2)], [1, 2, 3, 4][len(log) : await ctx.run("b", 2)]',
    "Slice.step": 'return [1, 2, 3, 4][:: await ctx.run("a", 2)], [1, 2, 3][: len(log) + 3 : await ctx.run("b", 2)]',
}

TEMPLATES = {
    "TemplateStr.values": """
        t = t"{1}{await ctx.run('a', 2)}{len(log)}"
        return t.values
    """,
    "Interpolation.value": """
        t = t"x{1 + 1}y{await ctx.run('a', 5)!r}z"
        return [i if isinstance(i, str) else (i.value, i.conversion, i.expression) for i in t]
    """,
    "Interpolation.format_spec": """
        t = t"{1}{2:>{await ctx.run('a', 7)}}"
        return [i.format_spec for i in t.interpolations]
    """,
}

PARTS = {
    "comprehension.target": """
        d = {}
        return [await ctx.run("a", d["k"]) for d["k"] in range(2)], [1 for d[await ctx.run("b", "l")] in "xy"], d
    """,
    "comprehension.iter": 'return [x + y for x in await ctx.run("a", [1, 2]) for y in await ctx.run("b", [x])]',
    "comprehension.ifs": 'return [x for x in range(3) if await ctx.run("a", x) if await ctx.run("b", x - 1)]',
    "ExceptHandler.body": """
        try:
            await ctx.run("fail", 1)
        except ValueError as e:
            e = [await ctx.run("a", repr(e))]
            return e
    """,
    "arguments.defaults": 'return (lambda a, b=await ctx.run("a", 1), /, c=await ctx.run("b", 2): (a, b, c))(0)',
    "arguments.kw_defaults": 'return (lambda *, a, b=await ctx.run("a", 1), c: (a, b, c))(a=0, c=2)',
    "keyword.value": 'return dict(a=1, b=await ctx.run("a", 2), **await ctx.run("b", {"c": 3}))',
    "withitem.context_expr": """
        with CM(await ctx.run("a", 1)), CM(await ctx.run("b", 2)) as n:
            return await ctx.run("c", n)
    """,
    "withitem.optional_vars": """
        d = {}
        with CM(1) as d[await ctx.run("a", "k")]:
            pass
        with CM((1, [2, 3])) as (x, [y, d[await ctx.run("b", "l")]]):
            await ctx.run("c")
        return d, x, y
    """,
    "match_case.guard": """
        match [1, 2]:
            case [a, _] if a > await ctx.run("a", 1): return 1
            case [_, a] if await ctx.run("b", 1) < a < await ctx.run("c", 3): return a
    """,
    "match_case.body": """
        match [1, 2]:
            case [a, b]:
                a = await ctx.run("a", b)
                return a, b
    """,
}

SAMPLES = {**STATEMENTS, **EXPRESSIONS, **TEMPLATES, **PARTS}

# refused at registration where Python takes it: (the line, a part of the remedy, the sample)
REFUSED = {
    "ExceptHandler.type": (
        "except (await ctx.run('a')):",
        "evaluate it before the try",
        """
        try:
            pass
        except (await ctx.run('a')):
            pass
        """,
    ),
    "AnnAssign.annotation": (
        "x: (await ctx.run('a')) = 1",
        "in the line before",
        """
        x: (await ctx.run('a')) = 1
        """,
    ),
    "FunctionDef.returns": (
        "def f() -> (await ctx.run('a')):",
        "in the line before",
        """
        def f() -> (await ctx.run('a')):
            pass
        """,
    ),
    "AsyncFunctionDef.returns": (
        "async def f() -> [(await ctx.run('a'))]:",
        "in the line before",
        """
        async def f() -> [(await ctx.run('a'))]:
            pass
        """,
    ),
    "arg.annotation": (
        "def f(*args: await ctx.run('a')):",
        "in the line before",
        """
        def f(*args: await ctx.run('a')):
            pass
        """,
    ),
}

# Python itself refuses these
ILLEGAL = {
    "Lambda.body": "return lambda: await ctx.run('a')",
    "TypeAlias.value": "type X = (await ctx.run('a'))",
    "TypeVar.bound": "def f[T: await ctx.run('a')](): pass",
    "TypeVar.default_value": "def f[T = await ctx.run('a')](): pass",
    "ParamSpec.default_value": "def f[**P = await ctx.run('a')](): pass",
    "TypeVarTuple.default_value": "def f[*Ts = await ctx.run('a')](): pass",
    "ClassDef.type_params": "class C[T: await ctx.run('a')]: pass",
    "FunctionDef.type_params": "def f[T: await ctx.run('a')](): pass",
    "AsyncFunctionDef.type_params": "async def f[T: await ctx.run('a')](): pass",
    "TypeAlias.type_params": "type X[T: (await ctx.run('a'))] = int",
}

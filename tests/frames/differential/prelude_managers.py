"""The part of the prelude that is about protocols: context managers, iterators and generators."""

from __future__ import annotations

MANAGERS = '''@dataclass
class CM:
    name: str
    supp: int = 0
    def __enter__(self):
        T(("enter", self.name))
        return len(self.name) if self.supp < 2 else (1, [2, 3])
    def __exit__(self, t, v, tb):
        T(("exit", self.name, t and t.__name__, v))
        if self.supp == 3:
            raise E2("exit")
        return bool(self.supp) and t is not None and issubclass(t, Exception)

@dataclass
class ACM:
    ctx: object
    name: str
    supp: int = 0
    @durable
    async def __aenter__(self):
        T(("aenter", self.name))
        r = await self.ctx.run("aenter", len(self.name))
        return r
    @durable
    async def __aexit__(self, t, v, tb):
        T(("aexit", self.name, t and t.__name__, v))
        r = await self.ctx.run("aexit", 1 if t is None else 2)
        if self.supp == 3:
            raise E2("aexit")
        return bool(self.supp) and t is not None and issubclass(t, Exception)

@dataclass
class Saga:
    """undoes what was done when the block fails, last first"""
    ctx: object
    undos: list = field(default_factory=list)
    def undo(self, name, n):
        self.undos.append((name, n))
    @durable
    async def __aenter__(self):
        return self
    @durable
    async def __aexit__(self, t, v, tb):
        while t is not None and self.undos:
            name, n = self.undos.pop()
            T(("undone", name, await self.ctx.run(name, n)))
        return False

@dataclass
class Mutex:
    ctx: object
    held: bool = False
    @durable
    async def __aenter__(self):
        while self.held:
            T("waits")
            await self.ctx.run("wait", 1)
            self.held = False
        self.held = True
    @durable
    async def __aexit__(self, *what):
        await self.ctx.run("release", len(what))
        self.held = False

@dataclass
class managed:
    """a context manager whose body is a durable generator"""
    ctx: object
    n: int
    gen: object = None
    @durable
    async def __aenter__(self):
        self.gen = agen(self.ctx, self.n + 1)
        return await self.gen.__anext__()
    @durable
    async def __aexit__(self, t, v, tb):
        async for x in self.gen:
            T(("managed", x))

@asynccontextmanager
@durable
async def scope(ctx, n):
    T(("scope", n))
    try:
        yield await ctx.run("scope", n)
    except E1 as e:
        T(("scope caught", e, await ctx.run("scope caught", n)))
        if n % 2:
            raise
    finally:
        T(("scope gen end", await ctx.run("scope end", n)))

@contextmanager
@durable
def plainscope(n):
    T(("plainscope", n))
    try:
        yield n
    except ValueError as e:
        T(("plainscope caught", e))
    finally:
        T(("plainscope gen end", n))

@dataclass
class AIter:
    ctx: object
    n: int
    i: int = 0
    def __aiter__(self):
        return self
    @durable
    async def __anext__(self):
        if self.i >= self.n:
            raise StopAsyncIteration
        self.i += 1
        if self.i % 2:
            return await self.ctx.run("anext", self.i)
        return self.i

@durable
async def agen(ctx, n):
    T(("agen", n))
    try:
        for i in range(n):
            x = await ctx.run("agen", i)
            if x == 3:
                return
            got = yield x
            if got: T(("got", got))
        if n == 3:
            yield await rec(ctx, 1)
    except ValueError as e:
        T(("agen err", e.args))
        yield 77
    finally:
        T(("agen end", n))

@durable
async def outer(ctx, n):
    async for x in agen(ctx, n + 1):
        yield x + await ctx.run("outer", n)
        async with ACM(ctx, "outer"):
            yield n

@durable
def dgen(n):
    T(("dgen", n))
    try:
        for i in range(n):
            got = yield i * 2
            if got: T(("got", got))
    finally:
        T(("dgen end", n))
    return n

@durable
def deleg(n):
    got = yield from dgen(n)
    yield got
    yield from [n, *(x for x in (1, 2))]

'''

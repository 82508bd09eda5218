"""Durable context managers with state of their own: compensation, mutual exclusion, a limit."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)

from dataclasses import dataclass, field


@dataclass
class Saga:
    ctx: object
    undos: list = field(default_factory=list)

    @durable
    async def do(self, name, undo):
        result = await self.ctx.run(name, len(name))
        self.undos.append(undo)
        return result

    @durable
    async def __aenter__(self):
        return self

    @durable
    async def __aexit__(self, kind, error, tb):
        while error is not None and self.undos:
            T(("undo", await self.ctx.run(self.undos.pop(), 1)))
        return isinstance(error, ValueError)


@dataclass
class Mutex:
    ctx: object
    holder: str = ""

    @durable
    async def __aenter__(self):
        while self.holder:
            await self.ctx.run("wait for " + self.holder, 1)
        self.holder = "me"

    @durable
    async def __aexit__(self, *what):
        await self.ctx.run("release", 1)
        self.holder = ""


@dataclass
class Limit:
    ctx: object
    left: int

    @durable
    async def __aenter__(self):
        return self

    @durable
    async def __aexit__(self, *what):
        await self.ctx.run("end", 1)
        T(("left", self.left))

    def spend(self, n):
        self.left -= n
        if self.left < 0:
            raise TimeoutError(self.left)


@durable
async def worker(ctx, mutex, name):
    async with mutex:
        T((name, await ctx.run("work", len(name))))
    return name


@durable
async def wf(ctx):
    out, mutex = [], Mutex(ctx)
    async with Saga(ctx) as saga:
        out.append(await saga.do("flight", "cancel flight"))
        out.append(await saga.do("hotel", "cancel hotel"))
        async with mutex:
            raise ValueError("no car")
    out += [await worker(ctx, mutex, "one"), await worker(ctx, mutex, "two"), saga.undos]
    try:
        async with Limit(ctx, 5) as limit:
            for n in range(9):
                await ctx.run("step", n)
                limit.spend(n)
    except TimeoutError as e:
        out.append(e.args)
    return out

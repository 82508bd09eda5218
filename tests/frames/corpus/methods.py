"""Durable methods: super(), private names, class and static methods, properties, inheritance."""
# ruff: noqa: F821  (durable, register and T, which traces, come from the loader)


class Base:
    kind = "base"

    def __init__(self, ctx, total):
        self.ctx, self.__total = ctx, total

    @property
    def total(self):
        return self.__total

    @durable
    async def deposit(self, n, /, *, fee=1):
        self.__total += await self.ctx.run("base", n) - fee
        return self.__total

    def label(self):
        return "base"


@register
class Account(Base):
    kind = "account"

    @durable
    async def deposit(self, n, /, *, fee=2):
        before = super().label()
        got = await super().deposit(await self.ctx.run("n", n), fee=fee)
        self.__log = [before, got, super().label(), __class__.__name__]
        await self.ctx.run("logged", 1)
        return self.__log

    def label(self):
        return "account"

    @durable
    @classmethod
    async def open(cls, ctx, n=3):
        made = cls(ctx, n)
        await ctx.run(cls.kind, n)
        return made

    @durable
    @staticmethod
    async def check(ctx, n):
        return await ctx.run("check", n) > n

    @durable
    async def history(self, n):
        for i in range(n):
            yield self.kind, await self.ctx.run("history", i), self.total


@durable
async def wf(ctx):
    account = await Account.open(ctx)
    out = [await account.deposit(5), await account.deposit(1, fee=0), await Account.check(ctx, 1)]
    method = account.deposit
    await ctx.run("held", 1)
    out += [await method(2), [x async for x in account.history(2)], account.total, account.label()]
    return out, account._Account__log

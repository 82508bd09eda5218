"""Everything that a run can wait for, at once, for runs that travel between a server and a browser."""

from typing import Any

from weft_core import Context, activity, durable, query, signal, update, workflow

press = signal[str]("press")
page = signal[str]("page")
go = signal[str]("go")
add = update[int, int]("add")
total_of = query[int]("total")


@activity
async def work(what: str) -> str:
    return what.upper()


@workflow
async def helper(ctx: Context, name: str) -> str:
    return f"{name} {await ctx.wait_for_signal(go)}"


@durable
async def careful(ctx: Context) -> str:
    async with ctx.mutex("press"), ctx.timeout("30 days"):
        async with ctx.saga() as saga:
            saga.add(ctx.run(work, "unprint"))
            plate = await ctx.run(work, "print")
            return f"{plate} {await ctx.wait_for_signal(press)}"


@durable
async def bound(ctx: Context, number: int) -> str:
    folded = await ctx.run(work, f"fold {number}")
    return f"{folded} {await ctx.wait_for_signal(page)}"


@workflow
async def everything(ctx: Context) -> dict[str, Any]:
    total, ctx_name = 0, "book"

    def take(amount: int) -> int:
        nonlocal total
        total += amount
        return total

    def positive(amount: int) -> None:
        if amount <= 0:
            raise ValueError(f"{amount} is not positive")

    ctx.on_update(add, take, validator=positive)
    ctx.on_query(total_of, lambda: total)
    ctx.on_cancel(ctx.run(work, "clear the table"))
    careful_, child, decided, pages, _ = await ctx.all([
        careful(ctx), ctx.child(helper, ctx_name), ctx.review({"text": "draft"}, reviewers=["ann"], timeout="30 days"),
        ctx.map(bound, [1, 2, 3], concurrency=2), ctx.wait_until(lambda: total >= 10, timeout="30 days"),
    ])  # fmt: skip
    return {"careful": careful_, "child": child, "decided": decided.decision, "pages": pages, "total": total}

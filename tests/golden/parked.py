"""A run for each kind of thing that a run can wait for. Stores that hold them are committed: never change it."""

from typing import Any

from weft_core import Context, RetryPolicy, activity, activity_info, durable, queue, signal, update, workflow

go, other = signal("go"), signal("other")
add = update("add")
one_at_a_time = queue("one_at_a_time", concurrency=1)
tokens: list[str] = []


@activity(retry=RetryPolicy(max_attempts=9, initial_interval=60, jitter=0))
async def failing_first(name: str) -> str:
    if activity_info().attempt == 1:
        raise OSError("not yet")
    return name


@activity
async def work(name: str) -> str:
    return name.upper()


@activity(retry=RetryPolicy(max_attempts=3, initial_interval=1, jitter=0))
async def outside() -> str:
    info = activity_info()
    tokens.append(info.completion_token)
    info.complete_later()
    raise AssertionError("never reached")


@durable
async def nested(ctx: Context, items: list) -> int:
    found = 0
    for item in items:
        try:
            async with ctx.timeout("3000 days"):
                found += item * int(await ctx.wait_for_signal(go))
        finally:
            found += 1
    return found


@workflow
async def helper(ctx: Context) -> str:
    return str(await ctx.wait_for_signal(go))


@workflow
async def parked(ctx: Context, kind: str) -> Any:
    history = [f"line {number}" for number in range(400)]
    shared = {"history": history, "again": history}
    if kind == "signal":
        return [await ctx.wait_for_signal(go), len(shared["again"])]
    if kind == "timer":
        await ctx.sleep("2 hours")
        return [kind, shared["history"] is shared["again"]]
    if kind == "backoff":
        return await ctx.run(failing_first, kind)
    if kind == "outside":
        return await ctx.run(outside)
    if kind == "review":
        return (await ctx.review({"text": "draft"}, reviewers=["ann"])).decision
    if kind == "child":
        return await ctx.child(helper, id="child-of-child")
    if kind == "lock":
        async with ctx.mutex("press"):
            return await ctx.run(work, kind)
    if kind == "holder":
        async with ctx.mutex("press"):
            return await ctx.wait_for_signal(go)
    if kind == "until":
        total = 0

        def more(amount: int) -> int:
            nonlocal total
            total += amount
            return total

        ctx.on_update(add, more)
        await ctx.wait_until(lambda: total >= 10)
        return total
    if kind == "all":
        return await ctx.all([ctx.wait_for_signal(go), ctx.wait_for_signal(other), ctx.run(work, kind)])
    if kind == "race":
        winner, _ = await ctx.race({"never": ctx.sleep("3000 days"), "signal": ctx.wait_for_signal(go)})
        return winner
    if kind == "map":
        return await ctx.map(bound, [1, 2, 3], concurrency=2)
    if kind == "saga":
        async with ctx.saga() as saga:
            saga.add(ctx.run(work, "undo"))
            await ctx.run(work, "do")
            return await ctx.wait_for_signal(go)
    if kind == "nested":
        return await nested(ctx, [1, 2, 3])
    if kind == "state":
        await ctx.state.execution("kept").set({"n": 7})
        await ctx.wait_for_signal(go)
        return (await ctx.state.execution("kept").get())["n"]
    return kind


@durable
async def bound(ctx: Context, number: int) -> str:
    return f"{number} {await ctx.wait_for_signal(go)}"

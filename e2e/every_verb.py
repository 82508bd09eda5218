"""A workflow for test_page_verbs.py: it waits for everything that a page can say."""

from js import BroadcastChannel

from weft_core import Context, activity, activity_info, queue, signal, update, workflow
from weft_core.model.retry import RetryPolicy

go, add = signal("go"), update("add")
slow = queue("slow", concurrency=1)


@activity(queue="slow", retry=RetryPolicy(max_attempts=1), heartbeat_timeout="1 minute")
async def outside() -> str:
    """The page gets the token, and is the one who does the work."""
    info = activity_info()
    BroadcastChannel.new("tokens").postMessage(info.completion_token)
    info.complete_later()


@workflow(retain_checkpoints=5)
async def counter(ctx: Context, start: int) -> dict:
    total, told = start, []

    def more(by: int) -> int:
        nonlocal total
        total += by
        return total

    ctx.on_update(add, more)
    ctx.on_query("total", lambda: total)
    await ctx.state.execution("stage").set("begun")
    told.append(await ctx.wait_for_signal(go))
    told.append(await ctx.wait_for_signal(go))
    return {"total": total, "told": told}


@workflow
async def delegating(ctx: Context) -> str:
    try:
        return await ctx.run(outside)
    except Exception as error:
        return f"refused: {error}"


@workflow
async def asking(ctx: Context) -> str:
    return (await ctx.review({"text": "hello"}, type="greeting")).decision


@activity
async def count_down(start: int) -> int:
    numbers = activity_info().stream("numbers")
    for number in range(start, 0, -1):
        await numbers.write(number)
    return start


@workflow
async def streaming(ctx: Context, start: int) -> int:
    said = await ctx.run(count_down, start)
    await ctx.offload(lambda: start, key="count")
    ctx.stream("numbers").close()
    return said


@workflow
async def short(ctx: Context, text: str) -> str:
    return text

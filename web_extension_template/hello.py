"""The workflow. Each ``await`` is a durable step: the browser may be closed at any of them, for as long as it likes."""

from weft_core import Context, activity, workflow


@activity
async def greet(name: str) -> str:
    return f"Hello, {name}"


@workflow
async def hello(ctx: Context, name: str) -> str:
    greeting = await ctx.run(greet, name)
    await ctx.sleep("5s")
    return f"{greeting}, and good-bye"

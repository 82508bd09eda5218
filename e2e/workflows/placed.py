"""Workflows for test_placement.py, in the page and on its server: they tell where they were made."""

import sys

from weft_core import Context, signal, workflow

go = signal[str]("go")


@workflow(portable=True, placement="server_only")
async def there(ctx: Context) -> list[str]:
    return [sys.platform]


@workflow(portable=True, placement="server_when_online")
async def wanders(ctx: Context) -> list[str]:
    been = [sys.platform]
    been.append(await ctx.wait_for_signal(go))
    been.append(sys.platform)
    return been

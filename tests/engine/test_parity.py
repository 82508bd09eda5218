"""What docs/parity.md says of the original, where no other test says it."""

from __future__ import annotations

from weft_core import Context, Engine, workflow
from weft_core.client import LocalClient
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine, VirtualClock, virtual_host

NAMES = ("a", "a:b", "a/b", "b:a", "a%3Ab")


@workflow
async def listener(ctx: Context) -> dict[str, object]:
    return {name: await ctx.wait_for_signal(name, timeout="1 day") for name in NAMES}


@workflow
async def waiting(ctx: Context) -> object:
    return await ctx.wait_for_signal("go")


async def test_audit_9_signals_whose_names_hold_separators_are_kept_apart() -> None:
    """Theirs had the name in the key as it was: a signal called ``a:b`` could be taken for another one."""
    async with TestEngine(workflows=[listener]) as engine:
        handle = await engine.start(listener, id="x:y")
        for name in reversed(NAMES):
            await handle.signal(name, name.upper())
        await engine.crash_and_recover()
        assert await handle.result() == {name: name.upper() for name in NAMES}


async def test_an_engine_is_made_in_one_call_or_step_by_step_and_recovers_unless_told_not_to() -> None:
    """0.3.0: timers never fired unless the program started a scheduler."""
    rows, clock = MemoryStorage(), VirtualClock()
    engine = await Engine.create(storage=rows, workflows=[waiting], host=virtual_host(clock, "one"))
    await engine.start(waiting, id="r")
    await engine.close()

    engine = Engine(storage=rows.reopen(), recover=False, host=virtual_host(clock, "two"))
    engine.register(waiting)
    await engine.open()
    await LocalClient(engine).signal("r", "go", "ahead")
    await engine.recover_all()
    assert await LocalClient(engine).get_handle("r").result() == "ahead"
    await engine.close()

"""Several versions of a workflow side by side; which code a run goes on with (G16)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.program import program
from weft_core.errors import (
    CodeChangedError,
    DuplicateDefinitionError,
    RunHeldError,
    VersionNotRegisteredError,
    WorkflowNotRegisteredError,
)
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine
from weft_core.workflow import definitions_in

TWO = """
    @workflow(name="order", version="1")
    async def order(ctx, n):
        got = await ctx.wait_for_signal("go")
        return f"one {n} {got} {ctx.version}"

    first = order

    @workflow(name="order", version="2")
    async def order(ctx, n):
        extra = "extra"
        got = await ctx.wait_for_signal("go")
        return f"two {n} {got} {extra} {ctx.version}"
"""


async def test_each_run_stays_on_the_version_it_was_started_on_also_after_a_crash() -> None:
    """The functions have one name in one file, and do not get in each other's way."""
    code = program(TWO)
    async with TestEngine(workflows=[code.first, code.order]) as engine:
        old = await engine.start(code.first, 1)
        new = await engine.start(code.order, 2)
        await engine.crash_and_recover()
        for handle in (old, new):
            await engine.signal(handle.id, "go", "now")
        assert await engine.get_handle(old.id).result() == "one 1 now 1"
        assert await engine.get_handle(new.id).result() == "two 2 now extra 2"


async def test_a_start_by_name_takes_the_version_registered_last_and_a_start_by_definition_takes_that() -> None:
    code = program(TWO)
    async with TestEngine(workflows=[code.first, code.order]) as engine:
        assert (await (await engine.start("order", 1)).describe())["version"] == "2"
        assert (await (await engine.start(code.first, 1)).describe())["version"] == "1"
    async with TestEngine(workflows=[code.order, code.first]) as engine:
        assert (await (await engine.start("order", 1)).describe())["version"] == "1"
        engine.register(code.order)
        assert (await (await engine.start("order", 1)).describe())["version"] == "1", "it was registered before"


async def test_a_definition_that_is_not_registered_is_not_started_as_another_one() -> None:
    code = program(TWO)
    async with TestEngine(workflows=[code.order]) as engine:
        with pytest.raises(VersionNotRegisteredError, match=r"version '1' of workflow 'order'.*registered: \['2'\]"):
            await engine.start(code.first, 1)
        with pytest.raises(DuplicateDefinitionError):
            await engine.start(program(TWO).order, 1)
        assert not (await engine.list()).items


async def test_one_function_may_stand_for_two_workflows() -> None:
    code = program("""
        async def body(ctx):
            got = await ctx.wait_for_signal("go")
            return f"{ctx.workflow_name} {ctx.version} {got}"

        every = [workflow(name=n, version=v)(body) for n, v in [("a", "1"), ("a", "2"), ("b", "1")]]
    """)
    async with TestEngine(workflows=code.every) as engine:
        handles = [await engine.start(w) for w in code.every]
        await engine.crash_and_recover()
        for handle in handles:
            await engine.signal(handle.id, "go", "on")
        results = [await engine.get_handle(h.id).result() for h in handles]
        assert results == ["a 1 on", "a 2 on", "b 1 on"]


async def parked(source: str, *, name: str = "order", then: Any = None) -> MemoryStorage:
    """A store with one run, id "r", that waits under this code."""
    storage = MemoryStorage()
    code = program(source)
    async with TestEngine(workflows=[getattr(code, name)], storage=storage) as engine:
        handle = await engine.start(getattr(code, name), id="r")
        if then is not None:
            await then(handle)
        await engine.settle()
    return storage.reopen()


V1 = """
    @workflow(name="order", version="1")
    async def order(ctx):
        paid = 7
        got = await ctx.wait_for_signal("go")
        return [paid, got, ctx.version]
"""


async def test_a_function_may_move_to_another_module_and_be_renamed_under_its_runs() -> None:
    storage = await parked(V1)
    moved = program(V1.replace("async def order(", "async def place_order("), "somewhere_else")
    async with TestEngine(workflows=[moved.place_order], storage=storage) as engine:
        await engine.signal("r", "go", 1)
        assert await engine.get_handle("r").result() == [7, 1, "1"]


async def test_a_run_whose_version_is_gone_goes_on_with_the_only_other_one_if_that_fits() -> None:
    """The label was changed with the code; the run is on the new version from its next checkpoint on."""
    storage = await parked(V1)
    v2 = program(V1.replace('version="1"', 'version="2"').replace("paid, got", "got, paid"))
    async with TestEngine(workflows=[v2.order], storage=storage) as engine:
        await engine.signal("r", "go", 1)
        assert await engine.get_handle("r").result() == [1, 7, "2"]
        (event,) = [e for e in await engine.history("r") if e["type"] == "run_migrated"]
        assert (event["from_version"], event["to_version"], event["how"]) == ("1", "2", "structure")
        assert (await engine.describe("r"))["version"] == "2"


async def test_a_run_whose_version_is_gone_and_does_not_fit_the_other_one_is_held_and_told_what_to_do() -> None:
    storage = await parked(V1)
    v2 = program(V1.replace('version="1"', 'version="2"').replace('"go"', '"start"'))
    async with TestEngine(workflows=[v2.order], storage=storage) as engine:
        with pytest.raises(CodeChangedError) as held:
            await engine.resume("r")
        said = str(held.value)
        assert "register that version again" in said
        assert "@order.migrate(from_version='1')" in said
        assert "ctx.wait_for_signal('start')" in said
        engine.register(program(V1).order)
        await engine.resume("r")
        await engine.signal("r", "go", 1)
        assert await engine.get_handle("r").result() == [7, 1, "1"]


async def test_with_several_other_versions_nobody_guesses() -> None:
    storage = await parked(V1)
    others = [program(V1.replace('version="1"', f'version="{n}"')).order for n in (2, 3)]
    async with TestEngine(workflows=others, storage=storage) as engine:
        with pytest.raises(VersionNotRegisteredError, match="'1'.*'2', '3'.*migrate"):
            await engine.resume("r")
        info = await engine.describe("r")
        assert info["status"] == "held"
        assert info["held"]["code"] == "VersionNotRegisteredError"
        assert info["held"]["registered"] == ["2", "3"]


HELPER = """
    @durable
    async def ask(ctx, what):
        asked = [what]
        answer = await ctx.wait_for_signal("answer")
        return asked + [answer]

    @workflow(name="order", version="1")
    async def order(ctx):
        return await ask(ctx, "size")
"""


async def test_helpers_are_shared_by_all_versions_and_follow_their_own_changes() -> None:
    storage = await parked(HELPER)
    edited = program(HELPER.replace("asked + [answer]", "[*asked, answer, 'edited']"))
    async with TestEngine(workflows=[edited.order], storage=storage) as engine:
        await engine.signal("r", "answer", 4)
        assert await engine.get_handle("r").result() == ["size", 4, "edited"]


# ------------------------------------------------------------------ held runs


async def test_a_held_run_says_why_where_and_what_is_missing() -> None:
    storage = await parked(V1)
    edited = program(
        V1.replace("        paid = 7\n", "        paid = 7\n        tax = 1\n").replace("[paid,", "[tax, paid,")
    )
    async with TestEngine(workflows=[edited.order], storage=storage) as engine:
        with pytest.raises(CodeChangedError):
            await engine.resume("r")
        held = (await engine.describe("r"))["held"]
        assert held["code"] == "CodeChangedError"
        assert held["missing"] == ["tax"]
        assert (held["old"], held["line"]) == ("ctx.wait_for_signal('go')", 5)
        assert held["function"] == "order"
        assert held["old_code"] == program(V1).order.code
        assert held["new_code"] == edited.order.code
        assert "waiting_for" in await engine.describe("r")


async def test_signals_to_a_held_run_are_buffered_others_go_on_and_it_continues_once() -> None:
    storage = MemoryStorage()
    code = program(V1 + HELPER.replace('name="order"', 'name="asking"').replace("def order", "def asking"))
    async with TestEngine(workflows=[code.order, code.asking], storage=storage) as engine:
        await engine.start(code.order, id="r")
        await engine.start(code.asking, id="other")
    broken = program(V1.replace('"go"', '"start"'))
    async with TestEngine(workflows=[broken.order, code.asking], storage=storage.reopen()) as engine:
        storage = engine.storage
        with pytest.raises(CodeChangedError):
            await engine.resume("r")
        await engine.signal("r", "go", 1, signal_id="s-1")
        await engine.signal("r", "go", 1, signal_id="s-1")
        await engine.signal("r", "go", 2)
        with pytest.raises(RunHeldError, match="was suspended at"):
            await engine.get_handle("r").result()
        with pytest.raises(RunHeldError):
            await engine.query("r", "anything")
        await engine.signal("other", "answer", 5)
        assert await engine.get_handle("other").result() == ["size", 5]
    async with TestEngine(workflows=[program(V1).order], storage=storage.reopen()) as engine:
        assert await engine.get_handle("r").result() == [7, 1, "1"], "recovery took it up by itself"
        kinds = [e["type"] for e in await engine.history("r")]
        assert kinds.count("signal_received") == 2
        assert kinds.count("signal_consumed") == 1
        assert kinds.count("run_completed") == 1
        assert kinds.count("run_held") == 1


async def test_a_held_run_stays_held_over_restarts_and_logs_it_once() -> None:
    storage = await parked(V1)
    broken = program(V1.replace('"go"', '"start"'))
    for _ in range(3):
        async with TestEngine(workflows=[broken.order], storage=storage) as engine:
            if (await engine.describe("r"))["status"] == "running":
                with pytest.raises(CodeChangedError):
                    await engine.resume("r")
            assert (await engine.describe("r"))["status"] == "held"
            assert [e["type"] for e in await engine.history("r")].count("run_held") == 1
        storage = storage.reopen()


async def test_resume_raises_the_obstacle_while_it_is_there() -> None:
    storage = await parked(V1)
    async with TestEngine(workflows=[], storage=storage) as engine:
        for _ in range(2):
            with pytest.raises(WorkflowNotRegisteredError):
                await engine.resume("r")
        engine.register(program(V1).order)
        await engine.resume("r")
        assert (await engine.describe("r"))["status"] == "running"
        assert "held" not in await engine.describe("r")


async def test_each_run_is_shown_with_the_source_of_its_own_version() -> None:
    code = program(TWO)
    async with TestEngine(workflows=[code.first, code.order]) as engine:
        for workflow, line in ((code.first, "one {n}"), (code.order, "two {n}")):
            handle = await engine.start(workflow, 1)
            [frame] = (await engine.frames(handle.id))["tasks"][0]["frames"]
            assert frame["function"] == "order"
            assert line in "\n".join(frame["source"]["lines"])


async def test_the_source_of_a_workflow_that_is_registered_later_is_stored_when_it_takes_up_a_run() -> None:
    storage = await parked(V1)
    async with TestEngine(workflows=[], storage=storage) as engine:
        with pytest.raises(WorkflowNotRegisteredError):
            await engine.resume("r")
        engine.register(program(V1.replace("paid = 7", "paid = 7  # with a note")).order)
        await engine.resume("r")
        [frame] = (await engine.frames("r"))["tasks"][0]["frames"]
        assert "with a note" in "\n".join(frame["source"]["lines"])


async def test_two_versions_of_one_name_in_one_file_are_both_found_for_tools() -> None:
    code = program(TWO.replace("    first = order\n", ""))
    found, _ = definitions_in(code)
    assert [(w.name, w.version) for w in found] == [("order", "1"), ("order", "2")]
    async with TestEngine(workflows=found) as engine:
        assert (await (await engine.start("order", 1)).describe())["version"] == "2"
    again, _ = definitions_in(program(TWO))
    assert [(w.name, w.version) for w in again] == [("order", "1"), ("order", "2")]

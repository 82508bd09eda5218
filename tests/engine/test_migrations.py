"""Migrations: locals and position of a stored run, mapped to new code, durably and exactly once (G16)."""

from __future__ import annotations

import itertools
from typing import Any, Literal

import pytest

from tests.engine.invariants import Invariants
from tests.engine.program import program
from tests.engine.test_versions import V1, parked
from weft_core.errors import DefinitionError, MigrationError
from weft_core.storage import MemoryStorage
from weft_core.testing import CrashingStorage, SimulatedCrash, TestEngine

V2 = """
    go = signal("go")

    @workflow(name="order", version="2")
    async def order(ctx):
        total, currency = 0, "USD"
        got = await ctx.wait_for_signal(go, timeout="1d")
        return [total, currency, got, ctx.version]

    @order.migrate(from_version="1")
    def to_money(run):
        seen.append((run.id, run.version, run.waits_for, run.root.function, run.root.position, run.root.line))
        run.root.locals["total"] = run.root.locals.pop("paid")
        run.root.locals["currency"] = "EUR"
        run.root.move_to("signal go")

    seen = []
"""


async def test_a_migration_maps_locals_and_position_and_the_run_is_on_the_new_version() -> None:
    storage = await parked(V1)
    code = program(V2)
    async with TestEngine(workflows=[code.order], storage=storage) as engine:
        await engine.resume("r")
        assert code.seen == [("r", "1", "signal go", "order", "ctx.wait_for_signal('go')", 5)]
        info = await engine.describe("r")
        assert (info["version"], info["status"]) == ("2", "running")
        await engine.crash_and_recover()
        await engine.signal("r", "go", 1)
        assert await engine.get_handle("r").result() == [7, "EUR", 1, "2"]
        assert len(code.seen) == 1, "it is durable"
        (event,) = [e for e in await engine.history("r") if e["type"] == "run_migrated"]
        assert (event["from_version"], event["to_version"], event["how"]) == ("1", "2", "migration")


async def test_a_run_whose_own_version_is_registered_is_not_migrated() -> None:
    storage = await parked(V1)
    code = program(V2)
    async with TestEngine(workflows=[program(V1).order, code.order], storage=storage) as engine:
        await engine.signal("r", "go", 1)
        assert await engine.get_handle("r").result() == [7, 1, "1"]
        assert code.seen == []


async def test_the_message_that_wakes_a_run_is_delivered_after_its_migration() -> None:
    storage = await parked(V1)
    async with TestEngine(workflows=[program(V2).order], storage=storage) as engine:
        await engine.signal("r", "go", 1)
        assert await engine.get_handle("r").result() == [7, "EUR", 1, "2"]
        kinds = [e["type"] for e in await engine.history("r")]
        assert kinds.index("run_migrated") < kinds.index("signal_received")


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_a_crash_at_any_write_leaves_a_run_that_is_migrated_once(mode: Literal["before", "after"]) -> None:
    for crash_at in itertools.count(1):
        memory = await parked(V1)
        storage = CrashingStorage(memory, crash_at=crash_at, mode=mode)
        engine = TestEngine(workflows=[program(V2).order], storage=storage)
        try:
            await engine.open()
            await engine.signal("r", "go", 1)
            await engine.get_handle("r").result()
        except SimulatedCrash:
            pass
        await engine.crash()
        async with TestEngine(workflows=[program(V2).order], storage=memory.reopen()) as again:
            if "signal_received" not in [e["type"] for e in await again.history("r")]:
                await again.signal("r", "go", 1)
            assert await again.get_handle("r").result() == [7, "EUR", 1, "2"]
            assert [e["type"] for e in await again.history("r")].count("run_migrated") == 1
        if not storage.dead:
            break
    assert crash_at > 3


async def refused(source: str, was: str = V1, **options: Any) -> str:
    """What the migration of a run that waits under ``was`` is refused with; the run stays as it was."""
    storage = await parked(was, **options)
    before = dict(await storage.scan("ckpt/"))
    async with TestEngine(workflows=[program(source).order], storage=storage) as engine:
        with pytest.raises(MigrationError) as held:
            await engine.resume("r")
        assert (await engine.describe("r"))["status"] == "held"
        assert dict(await storage.scan("ckpt/")) == before
        assert "Traceback" in str((await engine.describe("r"))["error"]["traceback"])
        engine.register(program(was).order)
        await engine.resume("r")
        assert (await engine.describe("r"))["status"] == "running"
    return str(held.value)


async def test_what_the_new_code_needs_and_the_migration_does_not_give_is_named() -> None:
    assert "needs variable(s) currency" in await refused(V2.replace('run.root.locals["currency"] = "EUR"', "pass"))


async def test_a_migration_that_raises_holds_the_run() -> None:
    assert "to_money raised KeyError: 'price'" in await refused(V2.replace('pop("paid")', 'pop("price")'))


async def test_a_position_that_waits_for_something_else_is_refused() -> None:
    other = V2.replace("        got = await", '        await ctx.sleep("1d")\n        got = await')
    said = await refused(other.replace('move_to("signal go")', 'move_to("sleep")'))
    assert "waits for signal go" in said
    assert "is sleep 1d" in said
    assert "instead=" in said
    wrong = V2.replace('go = signal("go")', 'go = signal("start")')
    assert "is signal start" in await refused(wrong.replace('move_to("signal go")', 'move_to("signal")'))


async def test_a_position_that_is_not_there_or_there_twice_is_refused_with_what_there_is() -> None:
    said = await refused(V2.replace('move_to("signal go")', 'move_to("signal gone")'))
    assert "has no 'signal gone'" in said
    assert "`ctx.wait_for_signal(go)`" in said
    twice = V2.replace("        got = await", "        await ctx.wait_for_signal(go)\n        got = await")
    assert "has 2 suspension points 'signal go'" in await refused(twice)


async def test_nth_tells_which_of_several_positions_is_meant() -> None:
    twice = V2.replace(
        "        got = await", '        total = "skipped" + await ctx.wait_for_signal(go)\n        got = await'
    )
    storage = await parked(V1)
    nth = program(twice.replace('"signal go")', '"signal go", nth=2)'))
    async with TestEngine(workflows=[nth.order], storage=storage) as engine:
        await engine.signal("r", "go", 1)
        assert await engine.get_handle("r").result() == [7, "EUR", 1, "2"]


async def test_without_a_move_the_position_must_be_found_by_its_structure() -> None:
    stay = V2.replace('        run.root.move_to("signal go")\n', "")
    assert "no longer exists" in await refused(stay)
    storage = await parked(V1)
    same = stay.replace('ctx.wait_for_signal(go, timeout="1d")', 'ctx.wait_for_signal("go")')
    async with TestEngine(workflows=[program(same).order], storage=storage) as engine:
        await engine.signal("r", "go", 1)
        assert await engine.get_handle("r").result() == [7, "EUR", 1, "2"]


# ------------------------------------------------------------------ beginning something else instead

INSTEAD = """
    asked = []

    @activity
    async def ask_again(n):
        asked.append(n)
        return n + 1

    @workflow(name="order", version="2")
    async def order(ctx):
        paid = 0
        got = await ctx.run(ask_again, paid)
        await ctx.wait_for_signal("end")
        return [paid, got]

    @order.migrate(from_version="1")
    def do_not_wait(run):
        run.root.move_to("activity ask_again", instead=run.ctx.run(ask_again, run.root.locals["paid"]))
"""
WITH_TIMEOUT = V1.replace('"go")', '"go", timeout="1h")')


async def test_a_pending_operation_can_be_let_go_and_another_begun_in_its_place() -> None:
    storage = await parked(WITH_TIMEOUT)
    assert len(await storage.scan("timer/")) == 1
    code = program(INSTEAD)
    async with TestEngine(workflows=[code.order], storage=storage) as engine:
        await engine.resume("r")
        await engine.settle()
        assert code.asked == [7]
        assert not await storage.scan("timer/"), "the timeout of what it waited for before is gone"
        await engine.crash_and_recover()
        await engine.signal("r", "end")
        assert await engine.get_handle("r").result() == [7, 8]
        assert code.asked == [7]


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_a_crash_at_any_write_leaves_one_of_the_two_operations(mode: Literal["before", "after"]) -> None:
    for crash_at in itertools.count(1):
        memory = await parked(WITH_TIMEOUT)
        storage = CrashingStorage(memory, crash_at=crash_at, mode=mode)
        engine = TestEngine(workflows=[program(INSTEAD).order], storage=storage)
        try:
            await engine.open()
            await engine.resume("r")
            await engine.settle()
        except SimulatedCrash:
            pass
        await engine.crash()
        memory = memory.reopen()
        Invariants().check(dict(await memory.scan("", limit=1000)))
        code = program(INSTEAD)
        async with TestEngine(workflows=[code.order], storage=memory) as again:
            await again.resume("r")
            await again.settle()
            Invariants().check(dict(await memory.scan("", limit=1000)))
            await again.signal("r", "end")
            assert await again.get_handle("r").result() == [7, 8]
            assert [e["type"] for e in await again.history("r")].count("run_migrated") == 1
        if not storage.dead:
            break
    assert crash_at > 3


async def test_branches_cannot_be_let_go() -> None:
    was = V1.replace('ctx.wait_for_signal("go")', 'ctx.all([ctx.wait_for_signal("go"), ctx.sleep("1d")])')
    assert "cannot be let go" in await refused(INSTEAD, was)


# ------------------------------------------------------------------ the same version, edited in place


async def test_a_version_edited_in_place_is_migrated_only_where_its_structure_does_not_fit() -> None:
    storage = await parked(V1)
    fits = V2.replace('version="2"', 'version="1"').replace(
        'ctx.wait_for_signal(go, timeout="1d")', 'ctx.wait_for_signal("go")'
    )
    fits = fits.replace('total, currency = 0, "USD"', "paid = 0").replace("[total, currency, got", "[paid, got")
    code = program(fits)
    async with TestEngine(workflows=[code.order], storage=storage) as engine:
        await engine.signal("r", "go", 1)
        assert await engine.get_handle("r").result() == [7, 1, "1"]
        assert code.seen == []
    storage = await parked(V1)
    async with TestEngine(
        workflows=[program(V2.replace('version="2"', 'version="1"')).order], storage=storage
    ) as engine:
        await engine.signal("r", "go", 1)
        assert await engine.get_handle("r").result() == [7, "EUR", 1, "1"]


async def test_from_code_tells_apart_what_was_edited_in_place_several_times() -> None:
    older = V1.replace("paid = 7", "price = 5").replace("[paid,", "[price,")
    by_code = V2.replace('version="2"', 'version="1"').replace(
        '@order.migrate(from_version="1")',
        f"""@order.migrate(from_version="1", from_code="{program(older).order.code}")
    def from_price(run):
        run.root.locals.update(total=run.root.locals["price"], currency="DM")
        run.root.move_to("signal go")

    @order.migrate(from_version="1")""",
    )
    for was, result in ((V1, [7, "EUR", 1, "1"]), (older, [5, "DM", 1, "1"])):
        async with TestEngine(workflows=[program(by_code).order], storage=await parked(was)) as engine:
            await engine.signal("r", "go", 1)
            assert await engine.get_handle("r").result() == result


async def test_code_that_no_migration_is_for_is_held_with_its_fingerprint() -> None:
    other = V2.replace('from_version="1")', 'from_version="1", from_code="0123456789ab")')
    said = await refused(other)
    assert program(V1).order.code in said
    assert "0123456789ab" in said


# ------------------------------------------------------------------ chains

CHAIN = V2.replace('version="2"', 'version="3"').replace(
    '@order.migrate(from_version="1")',
    """@order.migrate(from_version="1", to_version="2")
    def first(run):
        run.root.locals["price"] = run.root.locals.pop("paid") * 10

    @order.migrate(from_version="2")
    def second(run):
        run.root.locals["paid"] = run.root.locals.pop("price") + 1
        to_money(run)

    """,
)


async def test_migrations_form_a_chain_over_versions_that_are_gone() -> None:
    storage = await parked(V1)
    code = program(CHAIN)
    async with TestEngine(workflows=[code.order], storage=storage) as engine:
        await engine.signal("r", "go", 1)
        assert await engine.get_handle("r").result() == [71, "EUR", 1, "3"]
        assert code.seen[0][1] == "2"
        assert [e["type"] for e in await engine.history("r")].count("run_migrated") == 1


async def test_a_version_in_between_that_is_registered_keeps_its_runs() -> None:
    storage = await parked(V1)
    two, three = program(V2), program(CHAIN.replace('@order.migrate(from_version="1", to_version="2")', ""), "other")
    async with TestEngine(workflows=[two.order, three.order], storage=storage) as engine:
        await engine.signal("r", "go", 1)
        assert await engine.get_handle("r").result() == [7, "EUR", 1, "2"]


def test_two_migrations_from_one_version_are_refused_where_they_are_declared() -> None:
    with pytest.raises(DefinitionError, match="two migrations from version '1'"):
        program(V2 + '\n    order.migrate(from_version="1")(to_money)\n')


# ------------------------------------------------------------------ helpers, loops, closures, branches

ASKING = """
    @durable
    async def ask(ctx, what):
        asked = [what]
        answer = await ctx.wait_for_signal("go")
        return asked + [answer]

    @workflow(name="order", version="1")
    async def order(ctx):
        n = 3
        found = await ask(ctx, "size")
        return [n, *found]
"""


async def migrated(was: str, now: str, payload: Any = 1) -> Any:
    """The result of a run that waits for "go" under ``was`` and goes on under ``now``, with a crash after it."""
    storage = await parked(was)
    async with TestEngine(workflows=[program(now).order], storage=storage) as engine:
        await engine.resume("r")
        await engine.crash_and_recover()
        await engine.signal("r", "go", payload)
        return await engine.get_handle("r").result()


async def test_the_frames_of_helpers_can_be_migrated_too() -> None:
    now = (
        ASKING.replace('version="1"', 'version="2"')
        .replace("asked = [what]", "asked, extra = [what], 1")
        .replace("asked + [answer]", "asked + [answer, extra]")
    )
    assert await migrated(
        ASKING,
        now
        + """
    @order.migrate(from_version="1")
    def _(run):
        root, helper = run.frames
        assert (root.function, helper.function) == ("order", "ask")
        helper.locals["extra"] = root.locals["n"] + 1
    """,
    ) == [3, "size", 1, 4]


async def test_a_helper_can_be_dissolved_into_the_workflow() -> None:
    assert await migrated(
        ASKING,
        """
    @workflow(name="order", version="2")
    async def order(ctx):
        n, asked = 3, ["size"]
        answer = await ctx.wait_for_signal("go")
        return [n, asked, answer]

    @order.migrate(from_version="1")
    def _(run):
        run.root.locals["asked"] = run.frames[1].locals["asked"]
        run.root.move_to("signal go")
    """,
    ) == [3, ["size"], 1]


async def test_a_part_of_the_workflow_can_become_a_helper() -> None:
    assert await migrated(
        V1,
        ASKING.replace('version="1"', 'version="2"')
        + """
    @order.migrate(from_version="1")
    def _(run):
        run.root.locals["n"] = run.root.locals["paid"]
        helper = run.root.call(ask, asked=["from before"])
        helper.move_to("signal go")
        run.root.move_to("call ask")
    """,
    ) == [7, "from before", 1]


LOOPED = """
    @workflow(name="order", version="2")
    async def order(ctx):
        out = []
        for x in range(100):
            got = await ctx.wait_for_signal("go")
            out.append((x, got))
        return out

    @order.migrate(from_version="1")
    def _(run):
        run.root.locals.update(out=[], x=41)
        run.root.move_to("signal go", loops=[[42]])
"""


async def test_a_position_inside_a_loop_gets_what_is_left_of_it() -> None:
    async with TestEngine(workflows=[program(LOOPED).order], storage=await parked(V1)) as engine:
        await engine.signal("r", "go", "a")
        await engine.crash_and_recover()
        await engine.signal("r", "go", "b")
        assert await engine.get_handle("r").result() == [(41, "a"), (42, "b")]
    assert "give loops=" in await refused(LOOPED.replace(", loops=[[42]]", ""))


async def test_a_position_inside_a_with_block_is_refused_and_one_inside_a_try_is_not() -> None:
    inside = """
    import contextlib

    @workflow(name="order", version="2")
    async def order(ctx):
        with contextlib.nullcontext():
            return await ctx.wait_for_signal("go")

    @order.migrate(from_version="1")
    def _(run):
        run.root.move_to("signal go")
    """
    assert "inside `with`" in await refused(inside)
    tried = inside.replace("with contextlib.nullcontext():", "try:").replace(
        'wait_for_signal("go")\n',
        'wait_for_signal("go")\n        finally:\n            await ctx.set_attribute("a", 1)\n',
    )
    assert await migrated(V1, tried) == 1


CLOSURE = """
    @workflow(name="order", version="1")
    async def order(ctx):
        total = 10
        def add(n):
            nonlocal total
            total += n
            return total
        got = await ctx.wait_for_signal("go")
        return [add(got), add(1), total]
"""


async def test_captured_variables_are_changed_for_the_closures_too() -> None:
    assert await migrated(
        CLOSURE,
        CLOSURE.replace('version="1"', 'version="2"')
        + """
    @order.migrate(from_version="1")
    def _(run):
        run.root.locals["total"] += 100
    """,
    ) == [111, 112, 112]


async def test_a_lambda_that_has_changed_must_be_replaced_by_the_migration() -> None:
    was = V1.replace("paid = 7", "paid = lambda n: n + 1").replace("[paid, got", "[paid(got), got")
    now = was.replace('version="1"', 'version="2"').replace("n + 1", "n + 2")
    keep = (
        now
        + """
    def plus_three(n):
        return n + 3

    @order.migrate(from_version="1")
    def _(run):
        pass
    """
    )
    assert "a lambda inside order" in await refused(keep, was)
    assert await migrated(was, keep.replace("pass", 'run.root.locals["paid"] = plus_three')) == [4, 1, "2"]


BRANCHES = """
    @durable
    async def branch(ctx, name):
        mine = [name]
        got = await ctx.wait_for_signal("go")
        return [*mine, got]

    @workflow(name="order", version="1")
    async def order(ctx):
        return await ctx.all([branch(ctx, "a"), ctx.sleep("1h"), branch(ctx, "b")])
"""


async def test_the_frames_of_branches_are_there_to_be_migrated() -> None:
    storage = await parked(BRANCHES)
    now = (
        BRANCHES.replace('version="1"', 'version="2"')
        .replace("mine = [name]", "mine, more = [name], 0")
        .replace("[*mine, got]", "[*mine, got, more]")
        + """
    @order.migrate(from_version="1")
    def _(run):
        assert run.waits_for == "group all"
        for [frame] in run.branches:
            frame.locals["more"] = f"more of {frame.locals['name']}"
    """.replace("{frame.locals['name']}", "{frame.locals['mine'][0]}")
    )
    async with TestEngine(workflows=[program(now).order], storage=storage) as engine:
        await engine.signal("r", "go", 1)
        await engine.signal("r", "go", 2)
        await engine.crash_and_recover()
        await engine.advance_time("2h")
        assert await engine.get_handle("r").result() == [["a", 1, "more of a"], None, ["b", 2, "more of b"]]


async def test_values_keep_their_identity_and_large_ones_their_chunks() -> None:
    was = V1.replace("paid = 7", "paid = [{'n': n, 'text': 'x' * 100} for n in range(3000)]; same = paid[-1]")
    was = was.replace("[paid, got", "[len(paid), same is paid[-1], got")
    now = (
        was.replace('version="1"', 'version="2"')
        + """
    @order.migrate(from_version="1")
    def _(run):
        run.root.locals["paid"].append(run.root.locals["same"])
    """
    )
    storage = await parked(was)
    async with TestEngine(workflows=[program(now).order], storage=storage) as engine:
        await engine.resume("r")
        await engine.crash_and_recover()
        await engine.signal("r", "go", 1)
        assert await engine.get_handle("r").result() == [3001, True, 1, "2"]
        assert not await engine.storage.scan("chunk/")


async def test_a_run_that_waits_for_an_activity_is_migrated_at_recovery_and_its_attempt_counts() -> None:
    was = """
    @activity
    async def pay(n):
        return n * 2

    @workflow(name="order", version="1")
    async def order(ctx):
        return await ctx.run(pay, 4)
    """
    now = (
        was.replace('version="1"', 'version="2"')
        .replace("return await", "paid = await")
        .replace("ctx.run(pay, 4)", "ctx.run(pay, 5)\n        return [paid, note]")
        .replace("async def order(ctx):", 'async def order(ctx):\n        note = "new"')
        + """
    @order.migrate(from_version="1")
    def _(run):
        run.root.locals["note"] = "old"
        run.root.move_to("activity pay")
    """
    )
    storage = MemoryStorage()
    code = program(was)
    engine = TestEngine(workflows=[code.order], storage=storage)
    await engine.open()

    async def never(n: int) -> int:
        await engine.crash()
        return n

    engine.mock("pay", never)
    try:
        await engine.start(code.order, id="r")
    except Exception:  # noqa: S110  it crashes at any moment
        pass
    await engine.crash()
    async with TestEngine(workflows=[program(now).order], storage=storage.reopen()) as again:
        assert await again.get_handle("r").result() == [8, "old"]
        failed = [e for e in await again.history("r") if e["type"] == "activity_failed"]
        assert len(failed) == 1

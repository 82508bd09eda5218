"""``check_runs``: the verdict is what an engine would do, and asking changes nothing (G16)."""

from __future__ import annotations

from typing import Any

from tests.engine.program import program
from tests.engine.test_migrations import V2
from tests.engine.test_versions import V1, parked
from weft_core.errors import WeftError
from weft_core.observe import Verdict, check_runs
from weft_core.ports import Storage
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine, virtual_host

CODES = {
    "the same": V1,
    "another place": V1.replace('"go"', '"start"'),
    "a new variable": V1.replace("paid = 7", "paid = tax = 7").replace("[paid,", "[paid, tax,"),
    "another version": V1.replace('version="1"', 'version="2"'),
    "another version that does not fit": V1.replace('version="1"', 'version="2"').replace('"go"', '"start"'),
    "a migration": V2,
    "a migration that raises": V2.replace('pop("paid")', 'pop("nothing")'),
    "a migration that leads nowhere": V2.replace('"signal go"', '"signal gone"'),
    "another workflow": V1.replace('name="order"', 'name="else"'),
}
EXPECTED = {
    "the same": ("continues", None),
    "another place": ("held", "CodeChangedError"),
    "a new variable": ("held", "CodeChangedError"),
    "another version": ("migrates", None),
    "another version that does not fit": ("held", "CodeChangedError"),
    "a migration": ("migrates", None),
    "a migration that raises": ("held", "MigrationError"),
    "a migration that leads nowhere": ("held", "MigrationError"),
    "another workflow": ("held", "WorkflowNotRegisteredError"),
}


async def rows(storage: Storage) -> dict[str, bytes]:
    return dict(await storage.scan("", limit=10_000))


async def verdicts(storage: Storage, *workflows: Any) -> list[Verdict]:
    before = await rows(storage)
    found = await check_runs(storage, workflows, host=virtual_host())
    assert await rows(storage) == before, "it wrote something"
    return found


async def test_the_verdict_is_what_an_engine_does_then() -> None:
    for what, source in CODES.items():
        storage = await parked(V1)
        code = program(source)
        (verdict,) = await verdicts(storage, code.order)
        assert (verdict.verdict, verdict.error) == EXPECTED[what], what
        async with TestEngine(workflows=[code.order], storage=storage) as engine:
            happened = None
            try:
                await engine.resume("r")
            except WeftError as obstacle:
                happened = obstacle
            info = await engine.describe("r")
            assert verdict.error == (happened and happened.code), what
            assert verdict.reason == (str(happened) if happened else ""), what
            assert (info["status"] == "held") == (verdict.verdict == "held"), what
            assert info["version"] == (verdict.to_version or "1"), what


async def test_it_says_where_each_run_stands_and_leaves_out_the_finished_ones() -> None:
    code = program(V1)
    storage = MemoryStorage()
    async with TestEngine(workflows=[code.order], storage=storage) as engine:
        for number in range(3):
            await engine.start(code.order, id=f"r{number}")
        await engine.signal("r1", "go", 1)
        await engine.get_handle("r1").result()
        first, second = await verdicts(storage, code.order)
        assert (first.run_id, second.run_id) == ("r0", "r2")
        assert (first.function, first.line, first.position) == ("order", 5, "ctx.wait_for_signal('go')")
        assert first.code == code.order.code
        assert [(w["kind"], w["name"]) for w in first.waiting_for] == [("signal", "go")]
        assert engine.status == "open"
        await engine.signal("r0", "go", 1)  # its owner has not noticed
        assert await engine.get_handle("r0").result() == [7, 1, "1"]


async def test_no_statement_of_a_workflow_runs() -> None:
    noisy = V1.replace("paid = 7", "paid = 7; happened.append('before')").replace(
        "        return", "        happened.append('after')\n        return"
    )
    noisy = "\n    happened = []\n" + noisy.replace(
        "        got = await", "        try:\n          got = await"
    ).replace("        happened.append('after')", "        finally: happened.append('finally')")
    storage = await parked(noisy)
    code = program(noisy)
    (verdict,) = await verdicts(storage, code.order)
    assert verdict.fine
    assert code.happened == []


async def test_a_damaged_run_is_named_and_hides_no_other() -> None:
    code = program(V1)
    storage = MemoryStorage()
    async with TestEngine(workflows=[code.order], storage=storage) as engine:
        for number in range(3):
            await engine.start(code.order, id=f"r{number}")
    await storage.put("ckpt/r0", b"nonsense")
    await storage.put("run/r1", b"nonsense")
    found = {v.run_id: v for v in await verdicts(storage, code.order)}
    assert {k: v.verdict for k, v in found.items()} == {"r0": "damaged", "r1": "damaged", "r2": "continues"}
    assert found["r0"].error == found["r1"].error == "CorruptRecordError"


async def test_an_activity_that_nobody_has_is_found_before_the_deployment() -> None:
    source = """
    @activity(name="rarely there")
    async def rare(n):
        raise ValueError(n)

    @workflow(name="order", version="1")
    async def order(ctx):
        return await ctx.run("rarely there", 1)
    """
    storage = await parked(source)
    gone = program(source.replace('name="rarely there"', 'name="renamed"'))
    from weft_core.workflow.activity import DECLARED

    DECLARED.pop("rarely there")
    (verdict,) = await verdicts(storage, gone.order)
    assert (verdict.verdict, verdict.error) == ("held", "ActivityNotRegisteredError")

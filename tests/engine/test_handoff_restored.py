"""Runs that two engines might own: a store that was restored, and a run that is taken back by force (G11)."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import pytest

from tests.engine import moving
from tests.engine.moving import RESULT, SERVER, Pair, approve, errand
from tests.engine.test_placement import HERE, Cable
from weft_core.client import leave_order
from weft_core.engine import import_store
from weft_core.errors import HandoffRefusedError
from weft_core.testing import virtual_host


async def exported(pair: Pair) -> bytes:
    return b"".join([piece async for piece in pair.device.export()])


async def restore(pair: Pair, file: bytes, name: str = "import") -> None:
    """The device's store becomes what the file says, and a new engine opens it."""

    async def pieces() -> AsyncIterator[bytes]:
        yield file

    await pair.device.close()
    now = pair.clock.now_ms()
    await import_store(pair.rows["device"], pieces(), name=name, now_ms=now, replace=True)
    pair.forget("device")
    await pair.begin_again("device")


async def parked(pair: Pair, run_id: str = "e") -> None:
    await pair.device.start(errand, id=run_id)
    await pair.settle(2_000)


async def hand_over(pair: Pair) -> None:
    await pair.device.handoff("e", SERVER)
    await pair.settle(1_000)
    assert await pair.status() == ("moved", "running")


async def finish(pair: Pair, run_id: str = "e") -> None:
    await pair.device.signal(run_id, approve, "yes")
    await pair.settle(5_000)
    assert await pair.device.get_handle(run_id).result() == RESULT


async def test_a_restored_store_does_not_run_what_was_handed_off_after_the_export() -> None:
    """FIELD.md D, rollback of a whole store by a restored backup: old leases and handoffs are fenced."""
    async with Pair(Cable(True), device=HERE) as pair:
        await parked(pair)
        file = await exported(pair)
        await hand_over(pair)
        await restore(pair, file)
        await pair.settle(1_000)
        assert await pair.status() == ("moved", "running")
        assert "before the restore" in (await pair.device.handoff_state("e"))["why"]
        await finish(pair)
        assert await pair.server.history("e") == await pair.device.history("e")
        assert Counter(moving.effects.values()) == {1: 4}


async def test_while_the_server_does_not_answer_a_restored_run_is_not_taken_up_and_says_why() -> None:
    async with Pair(Cable(True), device=HERE) as pair:
        await parked(pair)
        file = await exported(pair)
        await hand_over(pair)
        assert isinstance(pair.wire, Cable)
        pair.wire.plugged = False
        await restore(pair, file)
        await pair.settle(600_000)
        state = await pair.device.handoff_state("e")
        assert (state["state"], state["status"]) == ("doubted", "transferring")
        assert "restored" in state["why"] and "it never arrived" in state["trouble"]
        assert len(moving.effects) == 1
        pair.wire.plugged = True
        await pair.device.wake()
        await pair.settle(1_000)
        assert await pair.status() == ("moved", "running")


async def test_a_restored_run_that_never_left_goes_on_and_a_late_envelope_of_it_is_refused() -> None:
    async with Pair(Cable(True), device=HERE) as pair:
        await parked(pair)
        file = await exported(pair)
        pair.wire.plan = lambda sent: "lost"
        await pair.device.handoff("e", SERVER)
        await pair.settle(1_000)
        envelope = pair.wire.bodies[-1]
        pair.wire.plan = lambda sent: "ok"
        await restore(pair, file)
        await pair.settle(1_000)
        assert (await pair.device.describe("e"))["status"] == "running"
        with pytest.raises(HandoffRefusedError):
            await pair.server.import_run(envelope)
        await hand_over(pair)  # with a number of its own it goes
        await finish(pair)


async def test_a_restored_run_that_had_been_there_and_had_come_back_goes_on_from_where_the_export_has_it() -> None:
    async with Pair(Cable(True), device=HERE) as pair:
        await parked(pair)
        file = await exported(pair)
        await hand_over(pair)
        await pair.device.take_back("e")
        await pair.settle(1_000)
        await restore(pair, file)
        await pair.settle(1_000)
        assert await pair.status() == ("running", "moved")
        await finish(pair)


async def test_runs_of_a_restored_store_are_doubted_once() -> None:
    async with Pair(Cable(True), device=HERE) as pair:
        await parked(pair)
        await restore(pair, await exported(pair))
        await pair.settle(1_000)
        asked = len(pair.wire.sent)
        await pair.begin_again("device")
        await pair.settle(1_000)
        assert len(pair.wire.sent) == asked
        await restore(pair, await exported(pair), "another import")
        await pair.settle(1_000)
        assert len(pair.wire.sent) > asked
        await finish(pair)


@pytest.mark.parametrize("mode", ["before", "after"])
async def test_G12_a_crash_at_any_write_while_runs_are_doubted_changes_nothing(mode: str) -> None:
    for at in range(1, 40):
        async with Pair(Cable(True), device=HERE) as pair:
            await parked(pair)
            file = await exported(pair)
            await hand_over(pair)
            await restore(pair, file)
            pair.device.storage.crash_in(at, mode)  # type: ignore[attr-defined]
            before = pair.crashes
            await pair.surely(lambda: pair.settle(2_000))
            assert await pair.status() == ("moved", "running")
            await pair.surely(lambda: pair.device.signal("e", approve, "yes", signal_id="once"))
            await pair.surely(lambda: pair.settle(5_000))
            assert await pair.device.get_handle("e").result() == RESULT
            assert Counter(moving.effects.values()) == {1: 4}
            if pair.crashes == before:
                break
    assert at > 3 and pair.crashes == before


async def test_by_force_a_run_goes_on_here_whose_server_is_gone_for_good() -> None:
    async with Pair(Cable(True)) as pair:
        await parked(pair)
        assert isinstance(pair.wire, Cable)
        pair.wire.plugged = False
        await pair.device.handoff("e", SERVER)
        await pair.settle(600_000)
        await pair.device.take_back("e")
        await pair.settle(600_000)
        assert (await pair.device.describe("e"))["status"] == "transferring", "without an answer it stays on its way"
        ids = virtual_host(seed="cli").ids
        await leave_order(pair.device.storage, ids, "e", "force_back")  # weft take-back --force
        await pair.device.wake()
        await pair.settle(1_000)
        assert (await pair.device.describe("e"))["status"] == "running"
        await finish(pair)
        assert Counter(moving.effects.values()) == {1: 4}


async def test_by_force_nothing_is_made_of_a_mirror() -> None:
    async with Pair(Cable(True)) as pair:
        await parked(pair)
        await hand_over(pair)
        with pytest.raises(HandoffRefusedError, match="mirror"):
            await pair.device.take_back("e", force=True)
        await pair.settle(2_000)
        assert await pair.status() == ("moved", "running"), "nothing has changed"

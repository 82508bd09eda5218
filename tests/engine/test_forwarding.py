"""Speaking to a run that another engine has: its owner hears it, now or when it is reached again, once."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.moving import SERVER, Pair, approve, seen
from tests.engine.test_placement import Cable
from weft_core import Context, query, update, workflow
from weft_core.client import leave_signal
from weft_core.errors import (
    HandoffRefusedError,
    QueryNotFoundError,
    RunFinishedError,
    RunMovedError,
    SignalNotDeclaredError,
    UpdateNotFoundError,
    UpdateRejectedError,
    UpdateTimeoutError,
    UpdateValidationError,
)
from weft_core.testing import CrashingStorage, virtual_host

add = update[int, int]("add")
total = query[int]("total")


@workflow(portable=True)
async def ledger(ctx: Context) -> list[Any]:
    """Gathers what it is sent until it hears "done"."""
    sums, said = 0, []

    def more(by: int) -> int:
        nonlocal sums
        if by > 100:
            raise ValueError("too much")
        sums += by
        return sums

    def check(by: int) -> None:
        if by < 0:
            raise ValueError("never less")

    ctx.on_update(add, more, validator=check)
    ctx.on_query(total, lambda: sums)
    while (word := await ctx.wait_for_signal(approve)) != "done":
        said.append(word)
    return [*said, sums]


class Apart(Pair):
    """A device, a server and a wire that can be cut; the run is on the server."""

    def __init__(self, **more: Any) -> None:
        super().__init__(Cable(True), workflow=ledger, **more)

    async def hand_over(self) -> None:
        await self.device.start(ledger, id="e")
        await self.settle()
        await self.device.handoff("e", SERVER)
        await self.settle(1_000)
        assert await self.status() == ("moved", "running")

    async def cut(self) -> None:
        assert isinstance(self.wire, Cable)
        self.wire.plugged = False
        await self.settle(30_000)

    async def mend(self) -> None:
        assert isinstance(self.wire, Cable)
        self.wire.plugged = True
        await self.device.wake()
        await self.settle(1_000)

    async def waiting(self) -> int:
        found: int = (await self.device.handoff_state("e"))["outbox"]
        return found


async def test_signals_updates_queries_and_cancels_reach_the_owner_of_a_run_that_moved() -> None:
    async with Apart() as pair:
        await pair.hand_over()
        handle = pair.device.get_handle("e")
        await handle.signal(approve, "a")
        assert await handle.update(add, 5, update_id="u") == 5
        assert await handle.update(add, 5, update_id="u") == 5, "asked again, it is the recorded answer"
        assert await handle.query(total) == 5
        assert (await pair.device.get_update("e", "u")).result == 5
        outcome = await pair.device.start_or_signal(ledger, signal=approve, payload="b", id="e", signal_id="b")
        assert outcome.outcome == "signalled"
        await handle.signal(approve, "done")
        await pair.settle(2_000)
        assert await handle.result() == ["a", "b", 5] == await pair.server.get_handle("e").result()
        assert await handle.query(total) == 5, "the handlers of a finished run are where it has finished"
        assert (await pair.device.get_update("e", "u")).result == 5
        with pytest.raises(RunFinishedError):
            await handle.signal(approve, "more")
        assert await pair.waiting() == 0


async def test_a_cancel_reaches_the_owner_of_a_run_that_moved() -> None:
    async with Apart() as pair:
        await pair.hand_over()
        await pair.device.cancel("e", "enough")
        await pair.settle(2_000)
        assert await pair.status() == ("cancelled", "cancelled")


async def test_what_the_owner_has_against_a_message_is_raised_here_as_it_would_be_there() -> None:
    async with Apart() as pair:
        await pair.hand_over()
        with pytest.raises(UpdateValidationError, match="never less"):
            await pair.device.update("e", add, -1)
        with pytest.raises(UpdateRejectedError, match="too much"):
            await pair.device.update("e", add, 1_000, update_id="u")
        assert (await pair.device.get_update("e", "u")).status == "rejected"
        with pytest.raises(SignalNotDeclaredError):
            await pair.device.signal("e", "nonsense")
        with pytest.raises(QueryNotFoundError):
            await pair.device.query("e", seen)
        with pytest.raises(UpdateNotFoundError):
            await pair.device.get_update("e", "nobody's")
        await pair.server.suspend("e")
        with pytest.raises(UpdateTimeoutError):
            await pair.device.update("e", add, 1, timeout=0)
        assert await pair.waiting() == 0


async def test_signals_and_cancels_while_offline_are_kept_and_delivered_once_and_in_order() -> None:
    async with Apart() as pair:
        await pair.hand_over()
        await pair.cut()
        for word in ("a", "b", "c"):
            await pair.device.signal("e", approve, word)
        await pair.device.signal("e", approve, "b", signal_id="again")
        await pair.device.signal("e", approve, "b", signal_id="again")
        assert await pair.waiting() == 5
        await pair.begin_again("device")
        assert await pair.waiting() == 5, "durable when signal() had returned"
        await pair.mend()
        await pair.device.signal("e", approve, "done")
        await pair.settle(2_000)
        assert await pair.device.get_handle("e").result() == ["a", "b", "c", "b", 0]
        assert await pair.waiting() == 0


async def test_updates_and_queries_while_offline_are_errors_that_name_the_owner() -> None:
    async with Apart() as pair:
        await pair.hand_over()
        await pair.cut()
        for question in (pair.device.update("e", add, 1), pair.device.query("e", total)):
            with pytest.raises(RunMovedError, match=SERVER) as refused:
                await question
            assert "gave no answer" in str(refused.value.__cause__)
        with pytest.raises(UpdateNotFoundError):
            await pair.device.get_update("e", "u")


async def test_a_signal_to_a_run_on_its_way_goes_where_the_run_goes() -> None:
    """It may be accepted there, or refused and taken up here again: the signal is with it, once."""
    for known in (True, False):
        async with Apart(known=known) as pair:
            await pair.device.start(ledger, id="e")
            await pair.settle()
            await pair.cut()
            await pair.device.handoff("e", SERVER)
            await pair.settle(1_000)
            assert (await pair.device.describe("e"))["status"] == "transferring"
            await pair.device.signal("e", approve, "a")
            assert await pair.waiting() == 1
            await pair.mend()
            await pair.device.signal("e", approve, "done")
            await pair.settle(2_000)
            assert await pair.device.get_handle("e").result() == ["a", 0]
            assert await pair.waiting() == 0


async def test_a_signal_that_waits_is_delivered_here_when_the_run_comes_back_before_it_could_be_sent() -> None:
    async with Apart() as pair:
        await pair.hand_over()
        await pair.cut()
        await pair.device.signal("e", approve, "a")
        await pair.device.take_back("e")
        await pair.device.signal("e", approve, "b")
        assert await pair.waiting() == 2
        await pair.mend()
        assert await pair.status() == ("running", "moved")
        await pair.device.signal("e", approve, "done")
        await pair.settle(2_000)
        assert await pair.device.get_handle("e").result() == ["a", "b", 0]


async def test_a_message_that_is_too_late_is_dropped_and_nothing_is_left_of_it() -> None:
    async with Apart() as pair:
        await pair.hand_over()
        await pair.cut()
        await pair.device.signal("e", approve, "late")
        await pair.server.signal("e", approve, "done")
        await pair.settle(1_000)
        await pair.mend()
        await pair.settle(2_000)
        assert await pair.device.get_handle("e").result() == [0]
        assert await pair.waiting() == 0 and not await pair.device.storage.scan("outbox/")


async def test_a_run_that_took_the_id_of_one_that_ended_elsewhere_answers_for_itself() -> None:
    async with Apart() as pair:
        await pair.hand_over()
        await pair.server.signal("e", approve, "done")
        await pair.settle(2_000)
        assert await pair.device.get_handle("e").result() == [0]
        await pair.server.purge("e")
        pair.forget("server")
        await pair.device.start(ledger, id="e", on_conflict="restart")
        await pair.settle(1_000)
        assert await pair.device.query("e", total) == 0
        with pytest.raises(QueryNotFoundError):
            await pair.device.query("e", seen)
        with pytest.raises(HandoffRefusedError):
            await pair.device.handoff("e", SERVER)
        await pair.device.signal("e", approve, "done")
        assert await pair.device.get_handle("e").result() == [0]


async def test_a_signal_that_another_process_has_left_is_forwarded_too() -> None:
    async with Apart() as pair:
        await pair.hand_over()
        await leave_signal(pair.device.storage, virtual_host(seed="cli").ids, "e", approve.name, "done")
        await pair.device.wake()
        await pair.settle(2_000)
        assert await pair.device.get_handle("e").result() == [0]
        assert not await pair.device.storage.scan("inbox/")


async def test_only_a_run_that_came_here_by_a_handoff_hears_what_other_engines_say() -> None:
    async with Apart() as pair:
        await pair.hand_over()
        await pair.server.start(ledger, id="own")
        await pair.settle()
        with pytest.raises(Exception, match="own"):
            await pair.device._parts.outbox.say(SERVER, "own", ["signal", "approve", b"", "s"])
        with pytest.raises(Exception, match="nothing that can be said"):
            await pair.device._parts.outbox.say(SERVER, "e", ["purge", "e"])


CRASHES = [(side, mode, "ok") for side in ("device", "server") for mode in ("before", "after")]
CRASHES += [("device", "after", "unanswered"), ("server", "after", "twice")]


@pytest.mark.parametrize(("side", "mode", "fate"), CRASHES)
async def test_G7_a_signal_is_taken_once_whatever_write_crashes_and_whatever_message_is_lost(
    side: str, mode: str, fate: str
) -> None:
    crashes = 0
    for at in range(1, 60):
        async with Apart() as pair:
            await pair.hand_over()
            heard = len(pair.wire.sent)
            pair.wire.plan = lambda sent, heard=heard: fate if (sent - heard) % 2 else "ok"  # type: ignore[misc]
            storage = pair.engines[side].storage
            assert isinstance(storage, CrashingStorage)
            storage.crash_in(at, mode)
            for word in ("a", "b"):
                await pair.surely(lambda word=word: pair.device.signal("e", approve, word, signal_id=word))
            await pair.surely(lambda: pair.settle(61_000))
            assert await pair.waiting() == 0
            await pair.surely(lambda: pair.server.signal("e", approve, "done", signal_id="done"))
            await pair.surely(lambda: pair.settle(61_000))
            assert await pair.device.get_handle("e").result() == ["a", "b", 0]
            crashes += pair.crashes
            if not pair.crashes:
                break
    assert crashes >= 3
    assert not pair.crashes

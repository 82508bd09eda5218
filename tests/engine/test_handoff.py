"""A run moves from one engine to another and back: always one owner, and one effect (CONTRACT.md, handoff)."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.engine import moving
from tests.engine.moving import RESULT, SERVER, Pair, Wire, approve, errand
from weft_core.errors import HandoffRefusedError
from weft_core.machine.travel import read_message


async def test_a_run_that_is_handed_off_finishes_on_the_server_and_its_mirror_tells_it_without_gap() -> None:
    async with Pair() as pair:
        handle = await pair.device.start(errand, id="e")
        await pair.settle(2_000)
        assert (await pair.device.handoff("e", SERVER))["state"] == "parking"
        await pair.settle(1_000)
        here = await pair.device.describe("e")
        assert (here["status"], here["owner"]) == ("moved", SERVER)
        assert (await pair.server.describe("e"))["status"] == "running"
        await pair.server.signal("e", approve, "yes")
        await pair.settle(5_000)
        assert await pair.server.get_handle("e").result() == await handle.result() == RESULT
        there, mirror = await pair.server.history("e"), await handle.history()
        assert mirror == there
        assert [event["seq"] for event in mirror] == list(range(1, len(mirror) + 1))
        assert (await handle.describe())["status"] == "completed"
        assert Counter(moving.effects.values()) == {1: 4}


async def test_a_run_comes_back_to_the_device_that_asks_for_it_and_its_server_keeps_a_mirror() -> None:
    async with Pair() as pair:
        await pair.device.start(errand, id="e")
        await pair.settle(2_000)
        await pair.device.handoff("e", SERVER)
        await pair.settle(1_000)
        await pair.device.take_back("e")
        await pair.settle(1_000)
        assert await pair.status() == ("running", "moved")
        await pair.device.signal("e", approve, "yes")
        await pair.settle(5_000)
        assert await pair.device.get_handle("e").result() == RESULT
        assert (await pair.device.handoff_state("e"))["moves"] == 2
        assert Counter(moving.effects.values()) == {1: 4}
        types = [event["type"] for event in await pair.device.history("e")]
        assert types.count("run_handed_off") == types.count("run_received") == 2


CRASHES = [(side, mode) for side in ("device", "server") for mode in ("before", "after")]


@pytest.mark.parametrize("back", [False, True], ids=["there", "there and back"])
@pytest.mark.parametrize(("side", "mode"), CRASHES)
async def test_G5_a_crash_at_any_write_of_either_side_leaves_one_owner_and_one_effect(
    side: str, mode: str, back: bool
) -> None:
    crashes = 0
    for at in range(1, 200):
        async with Pair(crash=(side, at, mode)) as pair:
            await pair.journey(back)
            if not pair.crashes:
                break
            crashes += 1
            assert len(moving.effects) == 4, "a key changed on the way"
            assert sum(moving.effects.values()) <= 4 + 2, "only the attempts that the crash cut off are made again"
    assert crashes >= 10
    assert not pair.crashes, "the journey has no end"


@pytest.mark.parametrize("back", [False, True], ids=["there", "there and back"])
@pytest.mark.parametrize("fate", ["lost", "unanswered", "twice"])
async def test_G5_any_message_may_be_lost_or_come_twice(fate: str, back: bool) -> None:
    for number in range(1, 12):
        wire = Wire(lambda sent, number=number: fate if sent == number else "ok")
        async with Pair(wire) as pair:
            await pair.journey(back)
            assert len(moving.effects) == 4 and sum(moving.effects.values()) == 4
        assert len(wire.sent) >= number


async def test_without_an_answer_a_run_stays_on_its_way_however_long_and_nobody_takes_it_back_by_timeout() -> None:
    wire = Wire(lambda sent: "unanswered")
    async with Pair(wire) as pair:
        await pair.device.start(errand, id="e")
        await pair.settle(2_000)
        await pair.device.handoff("e", SERVER)
        await pair.settle(3_600_000)
        assert await pair.status() == ("transferring", "running")
        assert 30 < len(wire.sent) < 90, "it asks again, with pauses that grow up to a minute"
        wire.plan = lambda sent: "ok"
        pair.device.wake_handoffs()
        await pair.settle()
        assert await pair.status() == ("moved", "running")


async def test_a_hint_that_the_network_is_back_has_a_run_on_its_way_sent_at_once() -> None:
    wire = Wire(lambda sent: "lost")
    async with Pair(wire) as pair:
        await pair.device.start(errand, id="e")
        await pair.settle(2_000)
        await pair.device.handoff("e", SERVER)
        await pair.settle(600_000)
        assert (await pair.device.handoff_state("e"))["trouble"] == f"{SERVER} gave no answer about the run: " + (
            "it never arrived. It is asked again"
        )
        wire.plan = lambda sent: "ok"
        await pair.device.wake()  # what a page calls when it hears "online", is looked at, or its worker had an event
        await pair.settle()
        assert await pair.status() == ("moved", "running"), "without a hint it would be sent within the minute"


async def test_who_takes_the_store_over_goes_on_with_the_runs_on_their_way() -> None:
    wire = Wire(lambda sent: "lost")
    async with Pair(wire) as pair:
        await pair.device.start(errand, id="e")
        await pair.settle(2_000)
        await pair.device.handoff("e", SERVER)
        await pair.settle(1_000)
        wire.plan = lambda sent: "ok"
        await pair.begin_again("device")
        await pair.settle()
        assert await pair.status() == ("moved", "running")


async def test_of_many_mirrors_only_a_few_keep_the_server_waiting_with_a_question() -> None:
    """A browser has six connections to a server: more questions that wait would hold up what is to be said."""
    waiting, asked = 0, set()

    class Patient(Wire):
        async def post(self, url: str, body: bytes) -> bytes:
            nonlocal waiting
            if url.endswith("/news"):
                asked.add(url)
                if read_message(body, ("news",))[2] > 0:
                    waiting += 1
                    await asyncio.Event().wait()
            return await super().post(url, body)

    async with Pair(Patient()) as pair:
        runs = [f"e{number}" for number in range(8)]
        for run_id in runs:
            await pair.device.start(errand, id=run_id)
        await pair.settle(2_000)
        for run_id in runs:
            await pair.device.handoff(run_id, SERVER)
        await pair.settle(1_000)
        asked.clear()
        pair.device._parts.mover.wait_ms = 20_000
        await pair.device.wake()
        while len(asked) < len(runs):
            await asyncio.sleep(0)
        assert waiting == 3


async def test_a_typed_refusal_gives_the_run_back_and_an_old_envelope_of_it_is_refused_for_ever() -> None:
    async with Pair(known=False) as pair:
        await pair.device.start(errand, id="e")
        await pair.settle(2_000)
        await pair.device.handoff("e", SERVER)
        await pair.settle()
        envelope = pair.wire.bodies[0]
        await pair.settle(2_000)
        assert (await pair.device.describe("e"))["status"] == "running"
        state = await pair.device.handoff_state("e")
        assert state["state"] == "owned" and "errand" in state["why"]
        pair.server.register(errand)
        with pytest.raises(HandoffRefusedError):
            await pair.server.import_run(envelope)
        await pair.device.signal("e", approve, "yes")
        await pair.settle(5_000)
        assert await pair.device.get_handle("e").result() == RESULT
        assert "run_taken_back" in [event["type"] for event in await pair.device.history("e")]

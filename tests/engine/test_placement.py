"""Workflows say where their runs belong: on the device that starts them, or on its server (docs/handoff.md)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.engine import moving
from tests.engine.moving import RESULT, SERVER, Pair, Wire, approve, errand
from weft_core import Context, Device, workflow
from weft_core.errors import DefinitionError, HandoffDeniedError, HandoffRefusedError, PlacementError
from weft_core.testing import TestEngine

online = workflow(name="online", portable=True, placement="server_when_online")(errand.__wrapped__)
only = workflow(name="only", portable=True, placement="server_only")(errand.__wrapped__)
HERE = Device(SERVER)


class Cable(Wire):
    """A wire that is plugged in or not."""

    def __init__(self, plugged: bool) -> None:
        self.plugged = plugged
        super().__init__(lambda sent: "ok" if self.plugged else "lost")


async def plug(pair: Pair) -> None:
    """The device is online again, and its page says so."""
    assert isinstance(pair.wire, Cable)
    pair.wire.plugged = True
    await pair.device.wake()
    await pair.settle(1_000)


async def state(pair: Pair) -> dict[str, Any]:
    return await pair.device.handoff_state("e")


# -- server_when_online


async def test_server_when_online_begins_on_the_device_and_goes_to_the_server_that_answers() -> None:
    async with Pair(Cable(True), workflow=online, device=HERE) as pair:
        handle = await pair.device.start(online, id="e")
        await pair.settle(2_000)
        assert await pair.status() == ("moved", "running")
        types = [event["type"] for event in await handle.history()]
        assert types[0] == "run_started" and "run_received" in types
        await pair.server.signal("e", approve, "yes")
        await pair.settle(5_000)
        assert await handle.result() == RESULT
        assert Counter(moving.effects.values()) == {1: 4}


async def test_server_when_online_goes_on_locally_while_the_server_is_away_and_moves_in_its_midst() -> None:
    async with Pair(Cable(False), workflow=online, device=HERE) as pair:
        handle = await pair.device.start(online, id="e")
        await pair.settle(10_000)
        assert (await pair.device.describe("e"))["waiting_for"][0]["name"] == "approve", "it went on as far as it could"
        assert "it never arrived" in (await state(pair))["trouble"]
        assert pair.device.server_state() == {
            "url": SERVER, "state": "offline", "trouble": "it never arrived",
        }  # fmt: skip
        asked = len(pair.wire.sent)
        await pair.settle(600_000)
        assert len(pair.wire.sent) - asked <= 13, "it is asked with pauses that grow to a minute"
        await plug(pair)
        assert await pair.status() == ("moved", "running")
        assert pair.device.server_state()["state"] == "online"
        await pair.server.signal("e", approve, "yes")
        await pair.settle(5_000)
        assert await handle.result() == RESULT
        assert Counter(moving.effects.values()) == {1: 4}


async def test_server_when_online_finishes_on_the_device_if_the_server_never_answers() -> None:
    async with Pair(Cable(False), workflow=online, device=HERE) as pair:
        handle = await pair.device.start(online, id="e")
        await pair.device.signal("e", approve, "yes")
        await pair.settle(10_000)
        assert await handle.result() == RESULT
        sent = len(pair.wire.sent)
        await pair.settle(3_600_000)
        assert len(pair.wire.sent) == sent, "nobody is asked when there is nothing to hand off"


async def test_a_server_that_goes_away_while_a_run_is_parked_for_it_does_not_keep_it_from_going_on() -> None:
    """The server says that it takes the run, and is gone when the run has come to where it can leave."""
    wire = Wire(lambda sent: "ok" if sent == 1 else "lost")
    async with Pair(wire, workflow=online, device=HERE) as pair:
        handle = await pair.device.start(online, id="e")
        await pair.device.signal("e", approve, "yes")
        await pair.settle(10_000)
        assert await handle.result() == RESULT
        assert len(wire.sent) >= 2 and not any(url.endswith("/import") for url in wire.sent)


async def test_a_new_engine_of_the_device_finds_the_runs_that_belong_elsewhere() -> None:
    async with Pair(Cable(False), workflow=online, device=HERE) as pair:
        await pair.device.start(online, id="e")
        await pair.settle(10_000)
        pair.wire.plan = lambda sent: "ok"
        await pair.begin_again("device")
        await pair.settle(1_000)
        assert await pair.status() == ("moved", "running")


async def test_a_server_that_does_not_know_the_workflow_is_asked_again_and_the_run_is_not_disturbed() -> None:
    async with Pair(Cable(True), known=False, workflow=online, device=HERE) as pair:
        await pair.device.start(online, id="e")
        await pair.settle(10_000)
        assert "online" in (await state(pair))["trouble"], "it says why the run is still here"
        events = [event["type"] for event in await pair.device.history("e")]
        assert "run_suspended" not in events
        pair.server.register(online)
        await pair.settle(61_000)
        assert await pair.status() == ("moved", "running")


async def test_a_run_that_the_server_refuses_goes_on_here_and_is_offered_again_ever_more_rarely() -> None:
    async with Pair(Cable(True), workflow=online, device=HERE) as pair:
        await pair.server.start(online, idempotency_key="k")  # which is taken there, then
        await pair.device.start(online, id="e", idempotency_key="k")
        await pair.settle(10_000)
        assert (await pair.device.describe("e"))["status"] == "running"
        assert "belongs to another run" in (await state(pair))["why"]
        await pair.settle(4 * 3_600_000)
        offers = sum(url.endswith("/import") for url in pair.wire.sent)
        assert 5 <= offers <= 11, f"1 minute, 2, 4, … up to an hour: {offers}"
        await pair.device.signal("e", approve, "yes")
        await pair.settle(5_000)
        assert await pair.device.get_handle("e").result() == RESULT


async def test_a_run_that_somebody_has_taken_back_stays() -> None:
    async with Pair(Cable(True), workflow=online, device=HERE) as pair:
        await pair.device.start(online, id="e")
        await pair.settle(2_000)
        await pair.device.take_back("e")
        await pair.settle(2_000)
        assert await pair.status() == ("running", "moved")
        await pair.begin_again("device")
        await pair.settle(600_000)
        assert await pair.status() == ("running", "moved"), "also when the engine opens anew"
        await pair.device.handoff("e", SERVER)
        await pair.settle(2_000)
        assert await pair.status() == ("moved", "running"), "until it is handed off again"


async def test_on_an_engine_that_is_no_device_a_placement_means_nothing() -> None:
    async with TestEngine(workflows=[online, only]) as engine:
        for flow in (online, only):
            handle = await engine.start(flow)
            await handle.signal(approve, "yes")
            await engine.advance_time("10 s")
            assert await handle.result() == RESULT


# -- server_only


async def test_no_step_of_a_server_only_run_is_made_on_the_device_and_it_begins_when_the_server_answers() -> None:
    async with Pair(Cable(False), workflow=only, device=HERE) as pair:
        handle = await pair.device.start(only, id="e", idempotency_key="k")
        await handle.signal(approve, "yes")
        await pair.settle(600_000)
        assert (await handle.describe())["status"] == "suspended" and not moving.effects
        assert "it never arrived" in (await state(pair))["trouble"]
        await pair.begin_again("device")
        await pair.device.resume("e")
        await pair.settle(600_000)
        assert not moving.effects, "neither a new engine nor resume() begins it here"
        assert (await pair.device.start(only, idempotency_key="k")).id == "e"
        await plug(pair)
        await pair.settle(5_000)
        assert await pair.device.get_handle("e").result() == RESULT
        assert Counter(moving.effects.values()) == {1: 4}
        there = await pair.server.history("e")
        assert [event["type"] for event in there if event["type"] == "run_started"] == ["run_started"]
        assert await pair.device.history("e") == there
        assert (await pair.device.start(only, idempotency_key="k")).id == "e", "its key is spent here, too"


async def test_a_server_only_run_waits_for_a_server_that_does_not_know_it_and_says_so() -> None:
    async with Pair(Cable(True), known=False, workflow=only, device=HERE) as pair:
        await pair.device.start(only, id="e")
        await pair.settle(600_000)
        assert "'only'" in (await state(pair))["trouble"] and not moving.effects
        assert len(pair.wire.sent) < 25
        pair.server.register(only)
        await pair.settle(61_000)
        assert await pair.status() == ("moved", "running")


async def test_a_server_only_run_that_is_refused_is_kept_back_and_offered_again_ever_more_rarely() -> None:
    async with Pair(Cable(True), workflow=only, device=HERE) as pair:
        await pair.server.start(only, idempotency_key="k")  # which is taken there, then
        moving.effects.clear()
        handle = await pair.device.start(only, id="e", idempotency_key="k", execution_timeout="5 hours")
        await pair.settle(4 * 3_600_000)
        assert (await pair.device.describe("e"))["status"] == "suspended"
        assert "belongs to another run" in (await state(pair))["why"]
        assert 5 <= sum(url.endswith("/import") for url in pair.wire.sent) <= 11
        moving.effects.clear()  # of the run that has the key
        await pair.settle(3_700_000)
        assert (await handle.describe())["status"] == "timed_out" and not moving.effects


async def test_a_server_only_run_that_waits_can_be_cancelled_and_none_of_its_code_runs() -> None:
    async with Pair(Cable(False), workflow=only, device=HERE) as pair:
        handle = await pair.device.start(only, id="e")
        await pair.settle(1_000)
        await handle.cancel("changed my mind")
        await pair.settle(1_000)
        assert (await handle.describe())["status"] == "cancelled"
        assert (await state(pair))["state"] == "owned"
        types = [event["type"] for event in await handle.history()]
        assert types == ["run_kept_back", "cancel_requested", "run_cancelled"]
        await plug(pair)
        assert not any(url.endswith("/import") for url in pair.wire.sent) and not moving.effects


async def test_the_execution_timeout_of_a_run_that_waits_for_its_server_ends_it_on_time() -> None:
    async with Pair(Cable(False), workflow=only, device=HERE) as pair:
        handle = await pair.device.start(only, id="e", execution_timeout="1 hour")
        await pair.settle(3_601_000)
        assert (await handle.describe())["status"] == "timed_out"


async def test_server_only_is_refused_where_no_server_can_be_handed_the_run() -> None:
    async with TestEngine(workflows=[only], device=Device()) as engine:
        with pytest.raises(PlacementError, match=r"Weft\.open\(\{server"):
            await engine.start(only, id="e")
        engine.use_server(SERVER)
        with pytest.raises(PlacementError, match="debounced"):
            await engine.start_debounced(only, key="k", delay=1)
        with pytest.raises(PlacementError, match="services"):
            await engine.start(only, services={"mailer": object()})
        assert not (await engine.list()).items


async def test_a_child_that_is_server_only_is_an_error_where_its_parent_is_on_a_device() -> None:
    async with TestEngine(workflows=[parent, only], device=HERE) as engine:
        handle = await engine.start(parent)
        await engine.settle()
        assert "children do not move" in await handle.result()


@workflow
async def parent(ctx: Context) -> str:
    try:
        await ctx.child(only)
    except Exception as refusal:
        return str(refusal)
    return "begun"


async def test_a_server_only_run_is_not_taken_back_or_forked_on_the_device() -> None:
    async with Pair(Cable(False), workflow=only, device=HERE) as pair:
        await pair.device.start(only, id="e")
        await pair.settle(1_000)
        with pytest.raises(HandoffRefusedError, match="server_only"):
            await pair.device.take_back("e")
        with pytest.raises(Exception, match="is to begin on a server"):
            await pair.device.fork("e")
        await plug(pair)
        with pytest.raises(HandoffRefusedError, match="server_only"):
            await pair.device.take_back("e")


async def test_a_limit_on_concurrent_runs_counts_where_a_server_only_run_is_made() -> None:
    async with Pair(Cable(False), workflow=single, device=HERE) as pair:
        for run_id in ("e", "f"):
            await pair.device.start(single, id=run_id)
        await pair.settle(1_000)
        await plug(pair)
        assert sorted([(await pair.server.describe(run_id))["status"] for run_id in ("e", "f")]) == [
            "pending", "running",
        ]  # fmt: skip
        for run_id in ("e", "f"):
            await pair.server.signal(run_id, approve, "yes")
        await pair.settle(5_000)
        assert await pair.device.get_handle("f").result() == "yes"


@workflow(portable=True, placement="server_only", concurrency=1)
async def single(ctx: Context) -> str:
    return str(await ctx.wait_for_signal(approve))


CRASHES = [(side, mode) for side in ("device", "server") for mode in ("before", "after")]


@pytest.mark.parametrize("flow", [online, only], ids=["server_when_online", "server_only"])
@pytest.mark.parametrize(("side", "mode"), CRASHES)
async def test_G5_a_crash_at_any_write_while_a_run_goes_where_it_belongs_leaves_one_owner_and_one_effect(
    side: str, mode: str, flow: Any
) -> None:
    crashes = 0
    for at in range(1, 200):
        async with Pair(crash=(side, at, mode), workflow=flow, device=HERE) as pair:
            await pair.surely(lambda: pair.device.start(flow, id="e", on_conflict="return_existing"))
            await pair.surely(lambda: pair.settle(2_000))
            assert await pair.status() == ("moved", "running")
            await pair.surely(lambda: pair.server.signal("e", approve, "yes", signal_id="once"))
            await pair.surely(lambda: pair.settle(5_000))
            assert await pair.device.get_handle("e").result() == RESULT
            assert await pair.device.history("e") == await pair.server.history("e")
            assert len(moving.effects) == 4 and sum(moving.effects.values()) <= 4 + 2
            if not pair.crashes:
                break
            crashes += 1
    assert crashes >= 5
    assert not pair.crashes, "the journey has no end"


# -- the server does not let the device in


class Gate(Wire):
    """Opens to one token."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: dict[str, str] = {}

    async def post(self, url: str, body: bytes) -> bytes:
        if self.tokens.get(SERVER) != "right":
            self.sent.append(url)
            raise HandoffDeniedError(url=url, status=401)
        return await super().post(url, body)


@pytest.mark.parametrize("flow", [online, only], ids=["server_when_online", "server_only"])
async def test_a_refused_token_is_told_and_not_tried_in_a_loop_and_another_one_is_tried_at_once(flow: Any) -> None:
    async with Pair(Gate(), workflow=flow, device=HERE) as pair:
        await pair.device.start(flow, id="e")
        await pair.settle(600_000)
        assert "HTTP 401" in (await state(pair))["trouble"]
        assert pair.device.server_state()["state"] == "denied"
        assert len(pair.wire.sent) < 25
        pair.device.use_server(SERVER, "right")
        await pair.settle(1_000)
        assert await pair.status() == ("moved", "running")


# -- what a workflow may say


@pytest.mark.parametrize(
    ("words", "what"),
    [({"placement": "server_only"}, "portable=True"), ({"placement": "anywhere", "portable": True}, "one of")],
)
def test_a_placement_that_means_nothing_is_refused_where_it_is_declared(words: dict[str, Any], what: str) -> None:
    with pytest.raises(DefinitionError, match=what):
        workflow(name="w", **words)(errand.__wrapped__)

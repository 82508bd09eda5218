"""The wire: JSON in, JSON out, and never an exception."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.engine import shop
from tests.engine.test_reviews import publish
from tests.engine.test_start_or_signal import cart
from tests.engine.test_updates import counter
from weft_core.client import Dispatcher, LocalClient, leave_cancel, leave_schedule, leave_signal, leave_to_schedule
from weft_core.errors import (
    InvalidInputError,
    RunFinishedError,
    RunNotFoundError,
    ScheduleExistsError,
    ScheduleNotFoundError,
    SignalNotDeclaredError,
)
from weft_core.testing import TestEngine, virtual_host


async def call(wire: Dispatcher, method: str, **params: Any) -> Any:
    return json.loads(await wire.call(method, json.dumps(params)))


async def test_a_run_is_started_looked_at_signalled_and_read_over_the_wire() -> None:
    async with TestEngine(workflows=[shop.checkout]) as engine:
        wire = Dispatcher(engine)
        started = await call(wire, "start", workflow="checkout", input=[{"id": "o1", "total": 30}], id="r")
        assert started["ok"]["id"] == "r" and started["ok"]["status"] == "running"
        await engine.settle()
        assert (await call(wire, "describe", id="r"))["ok"]["waiting_for"][0]["kind"] == "signal"
        assert (await call(wire, "query", id="r", name="stage"))["ok"] == {"value": "waiting", "step": 2}
        assert (await call(wire, "frames", id="r"))["ok"]["tasks"][0]["frames"][0]["function"] == "checkout"
        assert (await call(wire, "signal", id="r", name="approval", payload={"ok": True})) == {"ok": None}
        await engine.advance_time("5 days")
        assert (await call(wire, "result", id="r"))["ok"]["result"] == shop.CHECKOUT_RESULT
        events = (await call(wire, "history", id="r", after=3, limit=2))["ok"]
        assert [e["seq"] for e in events] == [4, 5]
        assert [i["id"] for i in (await call(wire, "list", status="completed"))["ok"]["items"]] == ["r"]
        assert (await call(wire, "workflows"))["ok"][0]["signals"] == ["approval"]
        assert (await call(wire, "diagnostics"))["ok"]["state"] == "open"


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("fly", "{}", "InvalidInputError"),
        ("describe", "{}", "InvalidInputError"),
        ("describe", "[1]", "InvalidInputError"),
        ("describe", "{nonsense", "JSONDecodeError"),
        ("describe", '{"id": "nobody"}', "RunNotFoundError"),
        ("start", '{"workflow": "nothing"}', "WorkflowNotRegisteredError"),
        ("start", '{"workflow": "checkout", "input": 5}', "InvalidInputError"),
        ("list", '{"limit": 100000}', "InvalidFilterError"),
    ],
)
async def test_errors_are_answers_with_a_code(method: str, params: str, code: str) -> None:
    async with TestEngine(workflows=[shop.checkout]) as engine:
        answer = json.loads(await Dispatcher(engine).call(method, params))
        assert answer["error"]["code"] == code and answer["error"]["message"]


async def test_messages_left_in_the_store_are_delivered_when_an_engine_next_opens_it() -> None:
    async with TestEngine(workflows=[shop.checkout]) as engine:
        await engine.start(shop.checkout, {"id": "o1", "total": 30}, id="r")
        await engine.start(shop.checkout, {"id": "o2", "total": 30}, id="unwanted")
        await engine.settle()
        await engine.crash()
        engine.use_storage_again()
        ids = virtual_host(seed="cli").ids
        for _ in range(2):
            await leave_signal(engine.storage, ids, "r", "approval", {"ok": True}, signal_id="once")
        await leave_cancel(engine.storage, ids, "unwanted", reason="changed my mind")
        with pytest.raises(SignalNotDeclaredError):
            await leave_signal(engine.storage, ids, "r", "aproval")
        with pytest.raises(RunNotFoundError):
            await leave_signal(engine.storage, ids, "nobody", "approval")
        await engine.open()
        await engine.advance_time("5 days")
        assert await engine.get_handle("r").result() == shop.CHECKOUT_RESULT
        assert (await engine.describe("unwanted"))["status"] == "cancelled"
        assert not await engine.storage.scan("inbox/")
        with pytest.raises(RunFinishedError):
            await leave_cancel(engine.storage, ids, "r")


async def test_an_update_is_sent_and_read_again_over_the_wire() -> None:
    async with TestEngine(workflows=[counter]) as engine:
        wire = Dispatcher(engine)
        await call(wire, "start", workflow="counter", input=[10], id="r")
        assert (await call(wire, "workflows"))["ok"][0]["updates"] == ["add"]
        answer = await call(wire, "update", id="r", name="add", payload=4, update_id="u", timeout=60)
        assert answer == {"ok": {"value": 4}}
        state = (await call(wire, "get_update", id="r", update_id="u"))["ok"]
        assert (state["name"], state["status"], state["result"], state["error"]) == ("add", "completed", 4, None)
        refused = await call(wire, "update", id="r", name="add", payload=-4)
        assert refused["error"]["code"] == "UpdateValidationError"
        await call(wire, "update", id="r", name="add", payload=13, update_id="v")
        rejected = (await call(wire, "get_update", id="r", update_id="v"))["ok"]
        assert (rejected["status"], rejected["error"]["code"]) == ("rejected", "UpdateRejectedError")
        client = LocalClient(engine)
        assert await client.update("r", "add", 6, update_id="w") == 10
        assert (await client.get_update("r", "w")).result == 10


async def test_a_signal_starts_its_run_over_the_wire() -> None:
    async with TestEngine(workflows=[cart]) as engine:
        wire = Dispatcher(engine)
        params = {"workflow": "cart", "input": ["ann"], "signal": "item", "id": "c"}
        assert (await call(wire, "start_or_signal", **params, payload="soap"))["ok"]["outcome"] == "started"
        done = (await call(wire, "start_or_signal", **params, payload="pay"))["ok"]
        assert (done["outcome"], done["run"]["id"], done["run"]["status"]) == ("signalled", "c", "completed")
        refused = await call(wire, "start_or_signal", **params, payload="more")
        assert refused["error"]["code"] == "StartOrSignalConflictError"
        done = await LocalClient(engine).start_or_signal("cart", "bob", signal="item", payload="pay", id="d")
        assert (done.handle.id, done.outcome) == ("d", "started")


async def test_a_schedule_is_made_looked_at_changed_and_removed_over_the_wire() -> None:
    async with TestEngine(workflows=[shop.checkout]) as engine:
        wire = Dispatcher(engine)
        order = {"id": "o1", "total": 30}
        made = await call(wire, "schedule_create", workflow="checkout", input=[order], id="s", every="1 hour",
                          start_at=1_767_225_600, tags=["a"])  # fmt: skip
        assert made["ok"]["status"] == "active" and made["ok"]["recent"][0]["type"] == "schedule_created"
        await call(wire, "schedule_pause", id="s", reason="x")
        assert (await call(wire, "schedules", limit=5))["ok"]["items"][0]["pause_reason"] == "x"
        await call(wire, "schedule_resume", id="s")
        await call(wire, "schedule_update", id="s", description="hourly")
        assert (await call(wire, "schedule_trigger", id="s"))["ok"]["workflow"] == "checkout"
        assert len((await call(wire, "schedule_backfill", id="s", start=1_767_218_400, end=1_767_225_600))["ok"]) == 2
        assert (await call(wire, "schedule_describe", id="s"))["ok"]["description"] == "hourly"
        assert (await call(wire, "schedule_delete", id="s")) == {"ok": None}
        assert (await call(wire, "schedule_describe", id="s"))["error"]["code"] == "ScheduleNotFoundError"
        assert (await call(wire, "schedule_create", workflow="checkout", colour="red"))["error"]["code"] == (
            "InvalidInputError"
        )


async def test_requests_about_schedules_are_done_once_when_an_engine_next_opens_the_store() -> None:
    async with TestEngine(workflows=[shop.checkout]) as engine:
        await engine.schedule("checkout", {"id": "o1", "total": 30}, id="old", every=3600)
        await engine.schedule("checkout", {"id": "o1", "total": 30}, id="gone", every=3600)
        await engine.crash()
        engine.use_storage_again()
        ids = virtual_host(seed="cli").ids
        order = {"id": "o2", "total": 30}
        await leave_schedule(engine.storage, ids, "new", workflow="checkout", input=[order], cron="@daily")
        await leave_to_schedule(engine.storage, ids, "old", "trigger")
        await leave_to_schedule(engine.storage, ids, "old", "pause", "x")
        await leave_to_schedule(engine.storage, ids, "gone", "delete")
        with pytest.raises(ScheduleExistsError):
            await leave_schedule(engine.storage, ids, "old", workflow="checkout", input=[], every=60)
        with pytest.raises(ScheduleNotFoundError):
            await leave_to_schedule(engine.storage, ids, "nobody", "resume")
        with pytest.raises(InvalidInputError):
            await leave_schedule(engine.storage, ids, "x", workflow="checkout", input=[], every="soon")
        await engine.open()
        await engine.settle()
        found = {i["id"]: (i["status"], i["triggered"]) for i in (await engine.list_schedules()).items}
        assert found == {"new": ("active", 0), "old": ("paused", 1)}
        assert not await engine.storage.scan("inbox/")


async def test_a_review_is_listed_and_decided_over_the_wire() -> None:
    async with TestEngine(workflows=[publish]) as engine:
        wire = Dispatcher(engine)
        await call(wire, "start", workflow="publish", input=[{"allow_partial": True}], id="r")
        (asked,) = (await call(wire, "reviews", status="pending", reviewer="ann"))["ok"]["items"]
        part = await call(wire, "submit_review", review_id=asked["id"], sections={"title": "approved"}, reviewer="ann")
        assert part["ok"]["status"] == "pending"
        done = await call(wire, "submit_review", review_id=asked["id"], decision="rejected", feedback="no")
        assert (done["ok"]["status"], done["ok"]["decision"]) == ("decided", "rejected")
        other = await call(wire, "submit_review", review_id=asked["id"], decision="approved")
        assert other["error"]["code"] == "ReviewDecidedError"
        client = LocalClient(engine)
        assert (await client.submit_review(asked["id"], decision="rejected", feedback="no"))["feedback"] == "no"
        assert [r["id"] for r in (await client.reviews(status="decided")).items] == [asked["id"]]


async def test_a_run_is_looked_back_at_forked_rewound_edited_and_skipped_over_the_wire() -> None:
    async with TestEngine(workflows=[shop.checkout], retain_checkpoints=5) as engine:
        wire = Dispatcher(engine)
        await call(wire, "start", workflow="checkout", input=[{"id": "o1", "total": 30}], id="r")
        await engine.settle()
        there = (await call(wire, "checkpoints", id="r"))["ok"]
        assert there[0]["current"] and there[0]["waiting_for"][0]["kind"] == "signal" and len(there) > 1
        assert (await call(wire, "frames", id="r", at=there[-1]["step"]))["ok"]["step"] == there[-1]["step"]
        fork = (await call(wire, "fork", id="r", at=there[1]["step"], new_id="f"))["ok"]
        assert (fork["id"], fork["status"]) == ("f", "running")
        assert (await call(wire, "edit", id="r", changes={"x": 1}))["error"]["code"] == "RunNotParkedError"
        assert (await call(wire, "rewind", id="r"))["error"]["code"] == "InvalidInputError"
        await call(wire, "suspend", id="r")
        assert (await call(wire, "edit", id="r", changes={"x": 1}))["error"]["code"] == "EditError"
        assert (await call(wire, "edit", id="r", changes={"order": {"id": "o9", "total": 30}}))["ok"] is None
        assert (await call(wire, "rewind", id="r", to=there[1]["step"], by="ann"))["ok"] is None
        assert (await call(wire, "retry", id="r"))["ok"] is None
        await engine.settle()
        assert (await call(wire, "skip", id="r", value={"ok": True}, reason="by phone"))["ok"] is None
        assert (await call(wire, "dead_letters"))["ok"] == {"items": [], "cursor": None}
        kinds = [e["type"] for e in (await call(wire, "history", id="r"))["ok"]]
        assert {"run_edited", "run_rewound", "run_resumed", "operation_skipped"} <= set(kinds)


async def test_runs_are_found_counted_and_marked_over_the_wire() -> None:
    async with TestEngine(workflows=[shop.checkout]) as engine:
        wire = Dispatcher(engine)

        async def ask(method: str, **params: Any) -> Any:
            answer = json.loads(await wire.call(method, json.dumps(params)))
            return answer["ok"] if "ok" in answer else answer["error"]["code"]

        noon = "2026-01-03T12:00:00+00:00"
        order = {"workflow": "checkout", "input": [{"id": "o", "total": 30}], "tags": ["vip"], "id": "a"}
        assert (await ask("start", **order, attributes={"due": {"datetime": noon}}))["tags"] == ["vip"]
        await ask("set_attributes", id="a", attributes={"total": 30, "city": "Bern"})
        await ask("add_tags", id="a", tags=["new"])
        await ask("remove_tags", id="a", tags=["vip"])
        await engine.settle()
        assert await ask("get_attributes", id="a") == {"due": noon, "total": 30, "city": "Bern"}
        for attributes in ({"total": {"gte": 30}}, {"due": {"lte": {"datetime": noon}}}, {"city": ["Basel", "Bern"]}):
            found = await ask("list", attributes=attributes, tags=["new"], created={"gte": "2000-01-01T00:00:00Z"})
            assert [item["id"] for item in found["items"]] == ["a"], attributes
        assert await ask("count", attributes={"due": {"lt": {"datetime": noon}}}) == {"count": 0}
        total = await ask("aggregate", by="city", limit=5, workflow="checkout")
        assert total == {"total": 1, "groups": [{"key": "Bern", "count": 1}], "truncated": False}
        assert await ask("list", colour="red") == "InvalidFilterError"
        assert await ask("count", attributes={"due": {"datetime": "noon"}}) == "InvalidInputError"
        assert await ask("set_attributes", id="a", attributes=[1]) == "InvalidInputError"

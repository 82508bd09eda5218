"""What ``ctx`` offers beside its operations: time, chance, attributes, log, facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.engine import shop
from weft_core import Context, RetryPolicy, activity, activity_info, workflow
from weft_core.errors import InvalidInputError, OperationMisuseError, RunFailedError
from weft_core.testing import TestEngine


@workflow(version="3")
async def facts(ctx: Context) -> dict[str, Any]:
    began = ctx.now()
    noon = datetime(2026, 1, 3, 12, tzinfo=UTC)
    await ctx.sleep_until(noon)
    woke = ctx.now()
    chances = [ctx.random() for _ in range(20)]
    ids = {ctx.uuid() for _ in range(20)}
    ctx.log("half way", chances=len(chances))
    await ctx.set_attributes({"city": "Bern", "due": noon})
    await ctx.sleep_until(noon - timedelta(days=1))  # an instant that has passed: at once
    return {
        "id": ctx.id, "name": ctx.workflow_name, "version": ctx.version, "began": began, "woke": woke, "ids": ids,
        "chances": chances, "city": ctx.get_attribute("city"), "started_at": ctx.started_at, "key": ctx.idempotency_key,
    }  # fmt: skip


async def test_time_chance_attributes_and_facts_of_a_run() -> None:
    async with TestEngine(workflows=[facts]) as engine:
        handle = await engine.start(facts, id="f", idempotency_key="k")
        await engine.advance_time("2 days")
        await engine.crash_and_recover()
        assert (await handle.describe())["status"] == "running"
        await engine.advance_time("12 hours")
        told = await handle.result()
        assert told["woke"] == datetime(2026, 1, 3, 12, tzinfo=UTC)
        assert told["began"] == told["started_at"] == datetime(2026, 1, 1, tzinfo=UTC)
        assert len(set(told["chances"])) == 20 and all(0 <= c < 1 for c in told["chances"])
        assert len(told["ids"]) == 20 and all(isinstance(u, UUID) and u.version == 4 for u in told["ids"])
        assert (told["id"], told["name"], told["version"], told["key"]) == ("f", "facts", "3", "k")
        info = await handle.describe()
        assert info["attributes"] == {"city": "Bern", "due": "2026-01-03T12:00:00+00:00"} and told["city"] == "Bern"
        logged = [e for e in await handle.history() if e["type"] == "logged"]
        assert [(e["message"], e["data"]) for e in logged] == [("half way", {"chances": 20})]


@workflow
async def careless(ctx: Context, what: str) -> None:
    if what == "naive":
        await ctx.sleep_until(datetime(2026, 1, 1))  # noqa: DTZ001  the fault under test
    elif what == "undecorated":
        await ctx.run(careless_helper)  # type: ignore[arg-type]
    elif what == "duration":
        await ctx.sleep("a while")


def careless_helper() -> None:
    """Not an activity."""


@pytest.mark.parametrize(
    ("what", "error", "says"),
    [
        ("naive", InvalidInputError, "no time zone"),
        ("undecorated", OperationMisuseError, "decorate it with @activity"),
        ("duration", InvalidInputError, "cannot read 'a while'"),
    ],
)
async def test_careless_calls_fail_at_their_line_and_say_what_to_do(what: str, error: type, says: str) -> None:
    async with TestEngine(workflows=[careless]) as engine:
        with pytest.raises(RunFailedError, match=says) as caught:
            await (await engine.start(careless, what)).result()
        assert type(caught.value.__cause__) is error


seen: list[tuple[int, str]] = []


@activity(retry=RetryPolicy(max_attempts=3, initial_interval=1))
async def keyed(fail: int) -> str:
    info = activity_info()
    seen.append((info.attempt, info.idempotency_key))
    if info.attempt <= fail:
        raise ConnectionError
    return info.idempotency_key


@workflow
async def keys(ctx: Context) -> list[str]:
    first = await ctx.run(keyed, 2)
    second = await ctx.run(keyed, 0)
    third = await ctx.run(keyed, 0, idempotency_key="mine")
    return [first, second, third]


async def test_G5_idempotency_keys_are_equal_over_attempts_and_differ_between_steps_and_runs() -> None:
    async with TestEngine(workflows=[keys]) as engine:
        one, two = await engine.start(keys), await engine.start(keys)
        await engine.advance_time("1 minute")
        first, second = await one.result(), await two.result()
        assert first[2] == second[2] == "mine"
        assert len({*first[:2], *second[:2]}) == 4
        assert sorted(attempt for attempt, key in seen if key == first[0]) == [1, 2, 3]


async def test_activity_info_outside_an_activity_says_so() -> None:
    with pytest.raises(LookupError, match="only while an engine runs an activity"):
        activity_info()


async def test_an_activity_can_be_called_directly_as_a_unit_test_would() -> None:
    assert await shop.echo(5) == 5

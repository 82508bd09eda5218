"""Finding, counting and marking runs; the faults of the original's search that ours does not have."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from tests.engine.invariants import Invariants
from weft_core import Context, activity, search_attribute, workflow
from weft_core.engine import StoreReader
from weft_core.errors import (
    InvalidAttributeError,
    InvalidFilterError,
    InvalidInputError,
    LimitExceededError,
    RunNotFoundError,
    WeftError,
)
from weft_core.machine import ordered
from weft_core.ports import Op, Storage
from weft_core.storage import MemoryStorage
from weft_core.testing import TestEngine
from weft_core.testing.intercepting import InterceptingStorage

T = TypeVar("T")
city = search_attribute("city", str)
total = search_attribute("total", float)
due = search_attribute("due", datetime)
topics = search_attribute("topics", list[str])
NOON = datetime(2026, 1, 3, 12, tzinfo=UTC)


@workflow
async def order(ctx: Context, place: str, amount: float, ending: str = "wait") -> Any:
    await ctx.set_attributes({city: place, total: amount, "vip": amount > 100})
    if ending == "fail":
        raise ValueError(place)
    if ending == "wait":
        await ctx.wait_for_signal("go")
    return ctx.get_attribute(city)


@workflow
async def other(ctx: Context) -> None:
    await ctx.sleep("1 day")


async def declared_body(ctx: Context, value: Any) -> Any:
    try:
        await ctx.set_attribute("city", value)
    except WeftError as refusal:
        return refusal.code
    return ctx.get_attribute("city")


declared = workflow(name="declared").search_attributes(city, total).execute(declared_body)
ALL = [order, other, declared]


class Counting(InterceptingStorage):
    """Remembers the keys of records that were read."""

    def __init__(self, inner: Storage) -> None:
        super().__init__(inner)
        self.got: list[str] = []
        self.rows = 0

    async def reading(self, call: Callable[[], Awaitable[T]]) -> T:
        found = await call()
        self.rows += len(found) if isinstance(found, list) else 0
        return found

    async def writing(self, call: Callable[[], Awaitable[T]], ops: Sequence[Op]) -> T:
        return await call()

    async def get(self, key: str) -> bytes | None:
        self.got.append(key)
        return await super().get(key)

    def records(self) -> list[str]:
        return [key for key in self.got if key.startswith(("run/", "ckpt/"))]


@pytest.fixture
def engine() -> TestEngine:
    return TestEngine(workflows=ALL)


async def filled(engine: TestEngine) -> None:
    """Six orders, a second apart: three wait, two have failed, one is done; and one other run."""
    for n, (place, amount, ending) in enumerate([
        ("Bern", 5, "wait"), ("Basel", 10, "wait"), ("Bern", 15.5, "fail"), ("Genf", -20, "fail"), ("Bern", 200, "end"),
        ("Basel/Land", 15, "wait"),
    ]):  # fmt: skip
        await engine.start(order, place, amount, ending, id=f"o{n}", tags=["even" if n % 2 == 0 else "odd", "all"])
        await engine.advance_time(1)
    await engine.start(other, id="x")
    await engine.settle()


def ids(page: Any) -> list[str]:
    return [item["id"] for item in page.items]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({}, "x o5 o4 o3 o2 o1 o0"),
        ({"order": "created"}, "o0 o1 o2 o3 o4 o5 x"),
        ({"status": "running"}, "x o5 o1 o0"),
        ({"status": ["failed", "completed"]}, "o4 o3 o2"),
        ({"workflow": "order"}, "o5 o4 o3 o2 o1 o0"),
        ({"workflow": order, "status": "running"}, "o5 o1 o0"),
        ({"workflow": ["other", "declared"]}, "x"),
        ({"tags": ["all", "even"]}, "o4 o2 o0"),
        ({"tags": ["even", "odd"]}, ""),
        ({"attributes": {"city": "Bern"}}, "o4 o2 o0"),
        ({"attributes": {city: ["Basel", "Genf"]}}, "o3 o1"),
        ({"attributes": {"city": {"prefix": "Basel"}}}, "o5 o1"),
        ({"attributes": {"city": {"ne": "Bern"}}}, "o5 o3 o1"),
        ({"attributes": {"city": {"gt": "Basel", "lte": "Bern"}}}, "o5 o4 o2 o0"),
        ({"attributes": {"total": {"gte": 10, "lt": 20}}}, "o5 o2 o1"),
        ({"attributes": {"total": {"gt": 10, "lte": 15.5}}}, "o5 o2"),
        ({"attributes": {"total": {"lt": 5}}}, "o3"),
        ({"attributes": {"total": {"gte": 10, "lt": 20}, "city": ["Bern", "Basel"]}}, "o2 o1"),
        ({"attributes": {"vip": True}}, "o4"),
        ({"attributes": {"vip": 1}}, ""),
        ({"attributes": {"nobody": "has it"}}, ""),
        ({"status": "failed", "attributes": {"total": {"gte": 10}}, "tags": ["even"]}, "o2"),
        ({"failure": "ValueError"}, "o3 o2"),
        ({"failure": ["Other"]}, ""),
        ({"id_prefix": "o"}, "o5 o4 o3 o2 o1 o0"),
        ({"id_prefix": "o", "status": "failed"}, "o3 o2"),
        ({"order": "finished"}, "o2 o3 o4"),
        ({"order": "-finished", "status": "failed"}, "o3 o2"),
        ({"order": "-finished", "attributes": {"city": "Bern"}}, "o4 o2"),
        ({"parent": "p"}, ""),
        ({"schedule": ["s"]}, ""),
        ({"deadline": {"gte": 0}}, ""),
    ],
    ids=str,
)  # fmt: skip
async def test_a_filter_finds_what_it_says_with_and_without_an_engine(
    engine: TestEngine, words: dict[str, Any], expected: str
) -> None:
    async with engine:
        await filled(engine)
        assert ids(await engine.list(**words)) == expected.split()
        assert ids(await StoreReader(engine.storage).list(**words)) == expected.split()
        found: list[str] = []
        cursor = None
        while True:  # the same in pages of one, and under inserts
            page = await engine.list(**words, limit=1, cursor=cursor)
            found += ids(page)
            cursor = page.cursor
            if cursor is None:
                break
            if words.get("order", "-created").startswith("-"):
                await engine.advance_time(1)
                await engine.start(order, "Bern", 15, "end", id=f"later-{len(found)}")
        assert found == expected.split()


async def test_times_are_ranges_of_instants(engine: TestEngine) -> None:
    async with engine:
        began = engine.clock.now_ms() / 1000
        await filled(engine)
        assert ids(await engine.list(created={"gte": began + 2, "lt": began + 4})) == ["o3", "o2"]
        iso = datetime.fromtimestamp(began + 4, UTC).isoformat()
        assert ids(await engine.list(created={"gt": iso}, workflow="order")) == ["o5"]
        assert ids(await engine.list(finished={"lte": began + 3})) == ["o3", "o2"]
        assert await engine.count(created={"lt": began + 2}) == 2
        await engine.add_tags("o0", ["touched"])
        assert ids(await engine.list(updated={"gte": began + 6})) == ["x", "o0"]
        handle = await engine.start(other, id="timed", execution_timeout="2 hours")
        assert ids(await engine.list(deadline={"lt": datetime.now(UTC) + timedelta(days=9999)})) == [handle.id]


@pytest.mark.parametrize(
    "words",
    [
        {"status": "runing"}, {"status": 5}, {"limit": 0}, {"limit": 1001}, {"limit": True}, {"order": "size"},
        {"cursor": "nonsense"}, {"cursor": 5}, {"attributes": {"a": {"like": 1}}}, {"attributes": {"a": {}}},
        {"attributes": {"a": {"gte": 1, "lt": "b"}}}, {"attributes": {"a": {"prefix": 1}}},
        {"attributes": {"a": {"in": 1}}}, {"attributes": {"a": object()}}, {"attributes": {5: 1}}, {"attributes": [1]},
        {"attributes": {"a": float("nan")}}, {"attributes": {"a": datetime(2026, 1, 1)}}, {"attributes": {city: 5}},
        {"attributes": {"a": "\udcff"}}, {"created": {"gte": "yesterday"}}, {"created": 5}, {"created": {"eq": 5}},
        {"created": {"gte": datetime(2026, 1, 1)}}, {"id_prefix": 5}, {"tags": [1]}, {"failure": 5}, {"colour": "red"},
    ],
)  # fmt: skip
async def test_a_filter_that_means_nothing_is_a_typed_error(engine: TestEngine, words: dict[str, Any]) -> None:
    async with engine:
        with pytest.raises(InvalidFilterError):
            await engine.list(**words)


async def test_a_cursor_of_another_order_is_refused(engine: TestEngine) -> None:
    async with engine:
        await filled(engine)
        page = await engine.list(limit=1)
        assert page.cursor is not None
        for order in ("created", "finished"):
            with pytest.raises(InvalidFilterError):
                await engine.list(limit=1, cursor=page.cursor, order=order)


@pytest.mark.parametrize(
    ("by", "words", "expected"),
    [
        ("status", {}, [("running", 4), ("failed", 2), ("completed", 1)]),
        ("status", {"workflow": "order"}, [("running", 3), ("failed", 2), ("completed", 1)]),
        ("workflow", {}, [("order", 6), ("other", 1)]),
        ("workflow", {"status": "running", "tags": ["all"]}, [("order", 3)]),
        ("failure", {}, [(None, 5), ("ValueError", 2)]),
        ("failure", {"status": "failed"}, [("ValueError", 2)]),
        ("city", {}, [("Bern", 3), ("Basel", 1), ("Basel/Land", 1), ("Genf", 1), (None, 1)]),
        (total, {"workflow": "order"}, [(-20, 1), (10, 1), (15, 1), (15.5, 1), (200, 1), (5, 1)]),
        ("vip", {"status": "failed"}, [(False, 2)]),
    ],
)
async def test_runs_are_counted_by_what_they_are_and_no_record_is_read(
    engine: TestEngine, by: Any, words: dict[str, Any], expected: list[tuple[Any, int]]
) -> None:
    """Audit 32: the original's aggregate read the records one by one."""
    async with engine:
        await filled(engine)
        counting = Counting(engine.storage)
        reader = StoreReader(counting)
        found = await reader.aggregate(by=by, **words)
        assert [(group["key"], group["count"]) for group in found.groups] == expected
        assert found.total == sum(count for _, count in expected) == await reader.count(**words)
        assert not found.truncated and not counting.records()
        cut = await engine.aggregate(by=by, limit=1, **words)
        assert cut.groups == found.groups[:1] and cut.truncated == (len(expected) > 1)


async def test_what_no_index_knows_cannot_be_counted(engine: TestEngine) -> None:
    async with engine:
        for call in (engine.count(updated={"gte": 0}), engine.aggregate(by="status", updated={"gte": 0})):
            with pytest.raises(InvalidFilterError, match=r"list\(\) can filter by it"):
                await call
        for by in (5, "", "\udcff"):
            with pytest.raises(InvalidFilterError):
                await engine.aggregate(by=by)
        with pytest.raises(InvalidFilterError):
            await engine.aggregate(by="status", limit=0)


@workflow
async def row(ctx: Context, number: int) -> None:
    await ctx.set_attributes({"number": number, "parity": number % 2})
    if number % 10 == 0:
        raise ValueError(number)


async def test_a_page_reads_the_records_it_shows_and_few_others() -> None:
    """Audit 42: the attribute index was not used; 33: a full scan."""
    async with TestEngine(workflows=[row]) as engine:
        for number in range(1500):
            await engine.start(row, number, id=f"r{number:04}")
        counting = Counting(engine.storage)
        reader = StoreReader(counting)
        for words, expected in (
            ({"status": "failed", "attributes": {"number": {"gte": 100, "lt": 130}}}, ["r0120", "r0110", "r0100"]),
            ({"attributes": {"number": 7}}, ["r0007"]),
            ({"attributes": {"number": {"lt": 2}, "parity": [0, 1]}}, ["r0001", "r0000"]),
            ({"status": "completed", "attributes": {"number": {"gte": 8, "lte": 11}}}, ["r0011", "r0009", "r0008"]),
            ({"status": "failed", "attributes": {"parity": 1}}, []),
            ({"id_prefix": "r000", "limit": 3}, ["r0009", "r0008", "r0007"]),
        ):
            counting.got.clear()
            assert ids(await reader.list(**words)) == expected
            assert len(counting.records()) <= 2 * 50, (words, len(counting.records()))
        counting.got.clear()
        page = await reader.list(status="failed", limit=20)
        assert len(counting.records()) <= 32 and ids(page)[0] == "r1490"
        counting.rows = 0
        page = await reader.list(status="failed", limit=20, cursor=page.cursor)
        assert ids(page)[0] == "r1290" and counting.rows <= 40


async def test_a_list_is_in_order_of_creation_and_has_no_cap() -> None:
    """The original ordered by id within a millisecond, offset by offset, and gave up after a number of candidates."""
    async with TestEngine(workflows=[other]) as engine:
        for n in range(300):
            await engine.start(other, id=f"same-{n:03}")
        everyone: list[str] = []
        cursor = None
        while True:
            page = await engine.list(limit=7, cursor=cursor, status="running")
            everyone += ids(page)
            if (cursor := page.cursor) is None:
                break
        assert everyone == [f"same-{n:03}" for n in reversed(range(300))]


# -- attributes and tags


VALUES: list[Any] = [
    -(2**63), -(2**53) - 1, -(2**53), -1e10, -3, -2.5, -0.1, 0, 5e-324, 0.1, 1, 1.5, 2, 2**53 - 1, 2**53, 2**53 + 1,
    2**62 + 1, 2**63 - 1, 1e300, float("inf"),
]  # fmt: skip
TEXTS = ["", "\0", "\0\0", "\x01", "\x02", "\x020", "\x03", " ", "!", "/", "0", "a", "a\0", "a\x01", "a b", "a/b", "ab",
         "b", "é", "\uffff", "\U00010000", "\U0010ffff"]  # fmt: skip


@pytest.mark.parametrize("values", [VALUES, sorted(TEXTS, key=str.encode)], ids=["numbers", "text"])
def test_the_order_of_index_values_is_that_of_the_values(values: list[Any]) -> None:
    encoded = [ordered.encode(value) for value in values]
    rows = [f"{text}{ordered.END}1/x" for text in encoded]
    assert rows == sorted(rows) and len({*rows}) == len(rows)
    for value, text in zip(values, encoded, strict=True):
        assert text is not None and ordered.decode(text) == value
        assert f"{text}{ordered.END}1/x" < f"{text}{ordered.BEHIND}"
    assert ordered.encode(3) == ordered.encode(3.0) and ordered.encode(0.0) == ordered.encode(-0.0)
    instants = [datetime(1, 1, 1, tzinfo=UTC), NOON, NOON + timedelta(microseconds=1), datetime(9999, 1, 1, tzinfo=UTC)]
    texts = [str(ordered.encode(at)) for at in instants]
    assert texts == sorted(texts) and [ordered.decode(text) for text in texts] == instants


@pytest.mark.parametrize(
    ("value", "code"),
    [("Bern", "Bern"), (5, "InvalidAttributeError"), (["Bern"], "InvalidAttributeError"), (None, None),
     ("x" * 257, "LimitExceededError"), ("\udcff", "InvalidInputError")],
)  # fmt: skip
async def test_a_declared_attribute_takes_only_its_type_also_by_its_name(
    engine: TestEngine, value: Any, code: Any
) -> None:
    async with engine:
        assert await (await engine.start(declared, value)).result() == code


@pytest.mark.parametrize("value", [{"a": 1}, [1], object(), 2**63, float("nan"), datetime(2026, 1, 1), b"x", ("a",)])
async def test_a_value_that_nobody_could_search_for_is_refused_before_anything_is_written(
    engine: TestEngine, value: Any
) -> None:
    async with engine:
        await engine.start(other, id="x")
        before = engine.storage.rows()  # type: ignore[attr-defined]
        for call in (
            lambda: engine.start(other, id="y", attributes={"a": value}),
            lambda: engine.set_attributes("x", {"a": value}),
            lambda: engine.set_attributes("x", {city: value}),
        ):
            with pytest.raises(InvalidAttributeError):
                await call()
        assert engine.storage.rows() == before  # type: ignore[attr-defined]


async def test_bounds_of_attributes_and_tags_are_refused_before_anything_is_written(engine: TestEngine) -> None:
    async with engine:
        await engine.start(other, id="x", attributes={f"a{n}": n for n in range(63)}, tags=[str(n) for n in range(63)])
        await engine.set_attributes("x", {"a63": 1})
        await engine.add_tags("x", ["63"])
        before = engine.storage.rows()  # type: ignore[attr-defined]
        for call in (
            lambda: engine.set_attributes("x", {"a64": 1}),
            lambda: engine.set_attributes("x", {"n" * 65: 1}),
            lambda: engine.set_attributes("x", {"a1": ["t"] * 65}),
            lambda: engine.add_tags("x", ["64"]),
            lambda: engine.add_tags("x", ["t" * 257]),
            lambda: engine.start(other, attributes={f"a{n}": n for n in range(65)}),
            lambda: engine.start(other, tags=[str(n) for n in range(65)]),
        ):
            with pytest.raises(LimitExceededError):
                await call()
        for call in (lambda: engine.add_tags("x", "text"), lambda: engine.add_tags("x", [5])):  # type: ignore[list-item]
            with pytest.raises(InvalidInputError):
                await call()
        for call in (lambda: engine.add_tags("nobody", ["a"]), lambda: engine.set_attributes("nobody", {"a": 1})):
            with pytest.raises(RunNotFoundError):
                await call()
        assert engine.storage.rows() == before  # type: ignore[attr-defined]


@activity
async def never() -> None:
    raise AssertionError


@workflow
async def needs_code(ctx: Context) -> None:
    await ctx.wait_for_signal("go")


@pytest.mark.parametrize("state", ["live", "parked", "held", "finished"])
async def test_tags_and_attributes_change_whatever_the_run_does(state: str) -> None:
    storage = MemoryStorage()
    async with TestEngine(workflows=[*ALL, needs_code], storage=storage) as engine:
        start = {"finished": order, "held": needs_code}.get(state, other)
        await engine.start(start, *(["Bern", 1, "end"] if state == "finished" else []), id="x", tags=["b"])
        if state == "parked":
            await engine.crash_and_recover()
    registered = ALL if state == "held" else [*ALL, needs_code]
    engine = TestEngine(workflows=registered, storage=storage.reopen())
    await engine.open()
    if state == "held":
        with pytest.raises(WeftError):
            await engine.resume("x")
    await engine.add_tags("x", ["a", "b"])
    await engine.remove_tags("x", ["b", "never there"])
    await engine.set_attributes("x", {total: 7, "vip": None, topics: ["one", "two"], due: NOON})
    await engine.set_attributes("x", {total: 7})
    await engine.crash()
    invariants = Invariants()
    invariants.check(storage.rows())
    engine = TestEngine(workflows=[*ALL, needs_code], storage=storage.reopen())
    async with engine:
        assert (await engine.describe("x"))["tags"] == ["a"]
        attributes = await engine.get_attributes("x")
        attributes.pop("city", None)
        assert attributes == {"total": 7, "topics": ["one", "two"], "due": NOON}
        for words in ({"tags": ["a"]}, {"attributes": {"topics": "two"}}, {"attributes": {due: {"lte": NOON}}}):
            assert ids(await engine.list(**words)) == ["x"], words
        assert not ids(await engine.list(tags=["b"]))
        kinds = [event["type"] for event in await engine.history("x")]
        assert kinds.count("tags_added") == kinds.count("tags_removed") == 1
        assert kinds.count("attribute_set") == (6 if state == "finished" else 3)
        await engine.signal("x", "go") if state == "held" else None
        await engine.advance_time("2 days")
        assert (await engine.describe("x"))["status"] == "completed"
        assert (await engine.describe("x"))["tags"] == ["a"]
    invariants.check(storage.rows())

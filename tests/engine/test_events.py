"""Typed events: each that the source writes has one class with exactly its fields (fault 19 of the original: events of
an untyped EventTarget, so that its guide's own first example does not typecheck)."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.engine import shop
from weft_core.errors import InvalidInputError
from weft_core.model.events import (
    ENDINGS,
    EVENTS,
    ActivityCompleted,
    ActivityFailed,
    Event,
    Logged,
    RunCompleted,
    RunStarted,
    SignalReceived,
    UnknownEvent,
    event_names,
    parse_event,
)  # fmt: skip
from weft_core.testing import TestEngine

ROOT = Path(__file__).resolve().parent.parent.parent
CORE = ROOT / "weft_core"
ENDS_AS = {"run_cancelled", "run_timed_out", "run_terminated"}
"""What ``f"run_{header.ends_as}"`` may be."""
MADE_BY_READERS = {"events_expired", "events_unreadable"}


class Sites(ast.NodeVisitor):
    """Every place that writes an event: its possible names, the fields it always has, and those it may have."""

    def __init__(self) -> None:
        self.found: list[tuple[set[str], set[str], set[str]]] = []

    def visit_Call(self, call: ast.Call) -> None:
        self.generic_visit(call)
        called = call.func.attr if isinstance(call.func, ast.Attribute) else None
        if called not in ("event", "_log"):
            return
        names = self._names(call.args[0 if called == "event" else -1])
        always = {k.arg for k in call.keywords if k.arg is not None}
        spread = [k.value for k in call.keywords if k.arg is None]
        maybe = {
            key.value
            for value in spread
            for node in ast.walk(value)
            if isinstance(node, ast.Dict)
            for key in node.keys
            if isinstance(key, ast.Constant)
        }
        assert not spread or maybe, f"line {call.lineno}: spell the fields of an event out"
        self.found.append((names, always, maybe))

    @staticmethod
    def _names(node: ast.expr) -> set[str]:
        if isinstance(node, ast.Constant):
            return {node.value}
        if isinstance(node, ast.IfExp):
            return Sites._names(node.body) | Sites._names(node.orelse)
        assert isinstance(node, ast.JoinedStr), f"line {node.lineno}: the name of an event is not a constant"
        first = node.values[0]
        assert isinstance(first, ast.Constant) and first.value == "run_", "only what a run ends as is made of parts"
        return set(ENDS_AS)


def written() -> dict[str, list[tuple[set[str], set[str]]]]:
    """name -> (fields it always has, fields it may have) of each site that writes it."""
    found: defaultdict[str, list[tuple[set[str], set[str]]]] = defaultdict(list)
    for path in sorted(CORE.rglob("*.py")):
        sites = Sites()
        sites.visit(ast.parse(path.read_text("utf-8")))
        for names, always, maybe in sites.found:
            for name in names:
                found[name].append((always, maybe))
    return dict(found)


def own_fields(cls: type[Event]) -> dict[str, bool]:
    """Field -> whether it may be absent."""
    return {
        name: field.default is not field.default_factory
        for name, field in cls.__dataclass_fields__.items()
        if name not in ("run_id", "seq", "at")
    }


def test_every_event_that_is_written_has_one_class_with_exactly_its_fields() -> None:
    sites = written()
    assert len(sites) > 20
    assert set(sites) - set(EVENTS) == set(), "add a class to weft_core/model/events.py"
    assert set(EVENTS) - set(sites) == MADE_BY_READERS, "a class whose event nobody writes"
    for name, places in sites.items():
        fields = own_fields(EVENTS[name])
        needed = {field for field, optional in fields.items() if not optional}
        for always, maybe in places:
            assert needed <= always, f"{name} is written without {needed - always}"
            assert always | maybe <= set(fields), f"{name} has no field for {(always | maybe) - set(fields)}"
        mentioned = set().union(*(always | maybe for always, maybe in places))
        assert mentioned == set(fields), f"{name} has fields that nobody writes: {set(fields) - mentioned}"


def test_the_page_on_events_lists_every_class_with_its_fields() -> None:
    text = (ROOT / "docs" / "events.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.*?) \|", text, re.MULTILINE)
    listed = {(cls, name): set(re.findall(r"`(\w+)`", fields)) for cls, name, fields in rows}
    assert listed == {(cls.__name__, name): set(own_fields(cls)) for name, cls in EVENTS.items()}


def test_a_class_is_called_as_its_event_and_frozen() -> None:
    started = RunStarted("r", 1, 5, "checkout", "2")
    assert started.type == "run_started" and started.version == "2"
    assert started.to_json() == {
        "run_id": "r", "seq": 1, "at": 5, "type": "run_started", "workflow": "checkout", "version": "2",
    }  # fmt: skip
    assert parse_event(started.to_json()) == started and hash(started)
    with pytest.raises(AttributeError):
        started.seq = 2  # type: ignore[misc]


def test_an_event_of_a_later_version_is_kept_as_it_is() -> None:
    later = {"run_id": "r", "seq": 3, "at": 5, "type": "run_teleported", "to": "Mars"}
    event = parse_event(later)
    assert event == UnknownEvent("r", 3, 5, "run_teleported", {"to": "Mars"})
    assert event.type == "run_teleported" and event.to_json() == later


def test_a_known_event_with_other_fields_is_still_an_event() -> None:
    base = {"run_id": "r", "seq": 3, "at": 5, "type": "signal_consumed"}
    more = parse_event({**base, "step": 1, "name": "go", "colour": "red"})
    assert more.to_json() == {**base, "step": 1, "name": "go"}
    less = parse_event({**base, "step": 1})
    assert isinstance(less, UnknownEvent) and less.data == {"step": 1}


@pytest.mark.parametrize("nonsense", [{}, {"run_id": "r"}, None, "text", 5])
def test_what_is_no_event_is_refused(nonsense: Any) -> None:
    with pytest.raises(InvalidInputError, match="is no event"):
        parse_event(nonsense)
    assert isinstance(parse_event({"run_id": 1, "seq": 2, "at": 3, "type": []}), UnknownEvent)


def test_types_are_classes_or_names_and_a_misspelt_one_is_refused() -> None:
    assert event_names([RunStarted, "timer_fired"]) == {"run_started", "timer_fired"}
    assert event_names(RunStarted) == {"run_started"} and event_names(None) is None  # type: ignore[arg-type]
    for wrong in ("run_strated", Event, int):
        with pytest.raises(InvalidInputError, match="is no type of event"):
            event_names([wrong])  # type: ignore[list-item]


async def test_the_typed_form_of_a_whole_history_is_its_json_form() -> None:
    shop.forget()
    async with TestEngine(workflows=[shop.checkout]) as engine:
        handle = await engine.start(shop.checkout, {"id": "o1", "total": 30})
        await engine.settle()
        await engine.crash_and_recover()
        await engine.signal(handle.id, shop.approval, {"ok": True}, signal_id="s")
        await engine.advance_time("5 days")
        history = await handle.history()
        events = [parse_event(event) for event in history]
        assert [event.to_json() for event in events] == history
        assert not any(isinstance(event, UnknownEvent) for event in events)
        assert len({event.type for event in events}) > 10 and events[-1].type in ENDINGS


async def test_a_listener_gets_typed_events_of_the_types_and_the_run_it_asks_for() -> None:
    shop.forget()
    everything: list[Event] = []
    results: list[Any] = []
    named: list[Event] = []
    of_one: list[Event] = []

    def result(event: ActivityCompleted) -> None:
        results.append((event.name, event.result))  # mypy knows the fields

    async with TestEngine(workflows=[shop.checkout]) as engine:
        engine.subscribe(everything.append)
        engine.subscribe(result, types=[ActivityCompleted])
        engine.subscribe(named.append, types=["signal_received", RunCompleted])
        leave = engine.subscribe(of_one.append, "b")
        for run_id in ("a", "b"):
            await engine.start(shop.checkout, {"id": "o1", "total": 30}, id=run_id)
        await engine.settle()
        assert len(of_one) > 3 and {event.run_id for event in of_one} == {"b"}
        leave()
        known = len(of_one)
        await engine.signal("b", shop.approval, {"ok": True})
        await engine.advance_time("5 days")
        assert len(of_one) == known
        assert [event.type for event in named if event.run_id == "b"] == ["signal_received", "run_completed"]
        received = next(event for event in named if isinstance(event, SignalReceived))
        assert received.name == "approval" and received.signal_id is None
        assert ("charge", {"order": "o1", "amount": 30}) in results
        assert any(isinstance(event, ActivityFailed) and event.error["message"] == "o1" for event in everything)
        assert [e.to_json() for e in everything if e.run_id == "b"] == await engine.history("b")


async def test_a_listener_that_raises_stops_neither_the_engine_nor_the_others() -> None:
    shop.forget()
    seen: list[Event] = []
    async with TestEngine(workflows=[shop.checkout]) as engine:
        engine.subscribe(lambda event: 1 / 0)
        engine.subscribe(seen.append)
        await engine.start(shop.checkout, {"id": "o1", "total": 30})
        await engine.settle()
        assert engine.status == "open" and len(seen) > 3


def test_a_field_that_may_be_absent_is_absent_where_it_is_not_used() -> None:
    assert "data" not in Logged("r", 1, 2, "hello").to_json()
    assert Logged("r", 1, 2, "hello", {"a": 1}).to_json()["data"] == {"a": 1}

"""When a schedule is due, held against a walk through every minute."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft_core.errors import InvalidInputError
from weft_core.model.cron import parse_cron
from weft_core.model.timing import Timing

MINUTE = timedelta(minutes=1)
ZONES = ("Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu", "UTC")
"""Lord Howe changes by half an hour; Casablanca has been ahead but for the month of Ramadan."""


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def iso(at: int | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def times(timing: Timing, start: datetime, end: datetime) -> Iterator[datetime]:
    at = timing.after(ms(start) - 1)
    while at is not None and at < ms(end):
        yield datetime.fromtimestamp(at / 1000, UTC)
        at = timing.after(at)


# -- a second, slow implementation: cron as a daemon that wakes every minute


def allowed(part: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for item in part.split(","):
        span, _, step = item.partition("/")
        first, last = (low, high) if span == "*" else (int(span.split("-")[0]), int(span.split("-")[-1]))
        if step and span != "*" and "-" not in span:
            last = high
        found |= set(range(first, last + 1)[:: int(step or 1)])
    return found


class Daemon:
    def __init__(self, text: str) -> None:
        self.parts = text.split()
        ranges = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
        self.sets = [allowed(part, *span) for part, span in zip(self.parts, ranges)]
        self.weekdays = {n % 7 for n in self.sets[4]}
        self.interval = self.parts[0][0] == "*" or self.parts[1][0] == "*"

    def fits(self, wall: datetime) -> bool:
        minutes, hours, days, months, _ = self.sets
        day, week = wall.day in days, wall.isoweekday() % 7 in self.weekdays
        either = self.parts[2][0] != "*" and self.parts[4][0] != "*"
        on_day = day or week if either else day and week
        return wall.minute in minutes and wall.hour in hours and wall.month in months and on_day

    def walk(self, zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
        """Debian's rule: what clocks skip is made up for after the gap, what they repeat is not done again."""
        previous = (start - MINUTE).astimezone(zone).replace(tzinfo=None)
        latest = previous
        for n in range(int((end - start) / MINUTE)):
            now = start + n * MINUTE
            wall = now.astimezone(zone).replace(tzinfo=None)
            if self.interval:
                due = self.fits(wall)
            else:
                skipped = (previous + k * MINUTE for k in range(1, int((wall - previous) / MINUTE) + 1))
                due = wall > latest and any(self.fits(minute) for minute in skipped)
            previous, latest = wall, max(latest, wall)
            if due:
                yield now


def number(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low, high).map(str)


def part(low: int, high: int) -> st.SearchStrategy[str]:
    spans = st.tuples(st.integers(low, high), st.integers(low, high)).map(lambda p: f"{min(p)}-{max(p)}")
    stepped = st.tuples(st.one_of(st.just("*"), spans), st.integers(1, 20)).map(lambda p: f"{p[0]}/{p[1]}")
    item = st.one_of(number(low, high), spans, stepped)
    return st.one_of(st.just("*"), item, st.lists(number(low, high), min_size=2, max_size=4).map(",".join))


CRONS = st.tuples(part(0, 59), part(0, 23), part(1, 28), part(1, 12), part(0, 7)).map(" ".join)
CHANGES = {
    "Europe/Zurich": ["2026-03-28", "2026-10-24"],
    "America/New_York": ["2026-03-07", "2007-11-03"],
    "Australia/Lord_Howe": ["2026-10-03", "2026-04-04"],
    "Africa/Casablanca": ["2026-02-14", "2026-03-21"],
    "Asia/Kathmandu": ["2026-05-01"],
    "UTC": ["2024-02-28"],
}


@settings(max_examples=150, deadline=None)
@given(data=st.data(), cron=CRONS)
def test_the_days_around_a_clock_change_are_those_of_a_daemon_that_wakes_every_minute(data, cron) -> None:
    zone = data.draw(st.sampled_from(ZONES))
    day = datetime.fromisoformat(data.draw(st.sampled_from(CHANGES[zone]))).replace(tzinfo=UTC)
    end = day + timedelta(days=3)
    expected = list(Daemon(cron).walk(ZoneInfo(zone), day, end))
    assert list(times(Timing(cron=cron, timezone=zone), day, end)) == expected


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cron", ["30 2 * * *", "*/20 1-3 * * *", "15 1,2 * * 6,0", "5 4 13 * 5", "0 0 29 2 *"])
def test_the_month_of_a_clock_change_is_that_of_a_daemon_that_wakes_every_minute(cron: str, zone: str) -> None:
    start = datetime.fromisoformat(CHANGES[zone][0]).replace(tzinfo=UTC) - timedelta(days=12)
    end = start + timedelta(days=24)
    expected = list(Daemon(cron).walk(ZoneInfo(zone), start, end))
    assert list(times(Timing(cron=cron, timezone=zone), start, end)) == expected


def test_a_time_that_a_clock_change_leaves_out_is_due_once_right_after_the_gap() -> None:
    timing = Timing(cron="15,30,45 2 * * *", timezone="Europe/Zurich")
    day = datetime(2026, 3, 29, tzinfo=UTC)
    assert [t.hour * 60 + t.minute for t in times(timing, day, day + timedelta(days=1))] == [60]  # 03:00 summer time


def test_a_time_that_a_clock_change_repeats_is_due_once() -> None:
    timing = Timing(cron="30 2 * * *", timezone="Europe/Zurich")
    day = datetime(2026, 10, 25, tzinfo=UTC)
    assert [t.hour * 60 + t.minute for t in times(timing, day, day + timedelta(days=1))] == [30]


def test_an_interval_follows_real_time_through_both_clock_changes() -> None:
    for change in (datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)):
        found = list(times(Timing(cron="*/15 * * * *", timezone="Europe/Zurich"), change, change + timedelta(days=1)))
        assert len(found) == 96
        assert {b - a for a, b in zip(found, found[1:])} == {timedelta(minutes=15)}


def test_a_day_that_a_country_left_out_is_made_up_for_at_the_next_midnight() -> None:
    """Samoa had no 30 December 2011."""
    start = datetime(2011, 12, 30, 0, tzinfo=UTC)
    found = list(times(Timing(cron="0 9 * * *", timezone="Pacific/Apia"), start, start + timedelta(days=2)))
    assert [t.isoformat() for t in found] == [
        "2011-12-30T10:00:00+00:00", "2011-12-30T19:00:00+00:00", "2011-12-31T19:00:00+00:00",
    ]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    cron=CRONS,
    zone=st.sampled_from(ZONES),
    at=st.integers(0, 4_000_000_000_000),
    later=st.integers(0, 100_000_000),
)
def test_next_times_ascend_and_do_not_depend_on_where_the_search_begins(cron, zone, at, later) -> None:
    timing = Timing(cron=cron, timezone=zone)
    due = timing.after(at)
    assert due is not None and due > at
    between = min(at + later, due - 1)
    assert timing.after(between) == due


@pytest.mark.parametrize(
    ("cron", "after", "due"),
    [
        ("0 3 L * *", "2026-02-10", "2026-02-28T03:00:00Z"),
        ("0 3 L * *", "2028-02-10", "2028-02-29T03:00:00Z"),
        ("0 3 15,L * *", "2026-04-16", "2026-04-30T03:00:00Z"),
        ("0 9 * * 5#3", "2026-05-01", "2026-05-15T09:00:00Z"),
        ("0 9 * * MON#5", "2026-04-01", "2026-06-29T09:00:00Z"),
        ("0 9 * * FRIL", "2026-05-01", "2026-05-29T09:00:00Z"),
        ("0 9 * * mon-fri", "2026-05-30", "2026-06-01T09:00:00Z"),
        ("0 0 1 JAN,jul *", "2026-02-01", "2026-07-01T00:00:00Z"),
        ("0 0 13 * 5", "2026-01-10", "2026-01-13T00:00:00Z"),
        ("0 0 */2 * 1", "2026-01-06", "2026-01-19T00:00:00Z"),
        ("50/3 8 * * *", "2026-01-01", "2026-01-01T08:50:00Z"),
        ("0 0 * * 7", "2026-01-01", "2026-01-04T00:00:00Z"),
        ("0 0 29 2 *", "2096-03-01", "2104-02-29T00:00:00Z"),
        ("@hourly", "2026-01-01", "2026-01-01T01:00:00Z"),
        ("@Weekly", "2026-01-01", "2026-01-04T00:00:00Z"),
        ("@yearly", "2026-01-01", "2027-01-01T00:00:00Z"),
    ],
)
def test_an_expression_names_its_next_time(cron: str, after: str, due: str) -> None:
    start = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert iso(Timing(cron=cron).after(ms(start))) == due


@pytest.mark.parametrize(
    "cron",
    [
        "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * * 8",
        "*/0 * * * *", "5-1 * * * *", "a * * * *", "* * * * mo", "1,,2 * * * *", "-1 * * * *", "* * * * 5#6",
        "1-2-3 * * * *", "* * * * 5#", "* * * * L", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "@never", "٣ * * * *",
        "* * * * 1#1#1", "*/a * * * *",
    ],
)  # fmt: skip
def test_what_is_no_expression_or_never_comes_is_refused(cron: str) -> None:
    with pytest.raises(InvalidInputError):
        parse_cron(cron)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "/etc/passwd", "\0"])
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(InvalidInputError, match="tzdata"):
        Timing(cron="@daily", timezone=zone).after(0)


@given(every=st.integers(1000, 10**11), anchor=st.integers(0, 10**13), at=st.integers(0, 10**13))
def test_intervals_count_from_their_anchor_and_do_not_drift(every: int, anchor: int, at: int) -> None:
    due = Timing(every_ms=every, anchor_ms=anchor).after(at)
    assert due is not None and at < due <= at + every and (due - anchor) % every == 0


def test_nothing_is_due_before_the_start_or_from_the_end_on() -> None:
    timing = Timing(every_ms=1000, anchor_ms=5000, start_ms=5000, end_ms=7000)
    assert [timing.after(0), timing.after(5000), timing.after(6000)] == [5000, 6000, None]


def test_the_calendar_ends_without_an_error() -> None:
    last = ms(datetime(9999, 12, 31, 23, 59, tzinfo=UTC))
    assert Timing(cron="0 0 1 1 *").after(last) is None
    assert Timing(cron="* * * * *", timezone="America/New_York").after(last) is None
    assert Timing(every_ms=60_000).after(last) is None

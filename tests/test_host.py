"""The host adapter of a server: time that is never early (G10), identities that sort."""

from __future__ import annotations

import asyncio
import re

from weft_core import ports
from weft_server import host
from weft_server.host import SystemClock, SystemIds, default_host


class Fired(list[object]):
    """What has fired, and a way to wait for it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def note(self, what: object) -> None:
        self.append(what)
        self._event.set()

    async def come(self) -> None:
        await asyncio.wait_for(self._event.wait(), 10)


class WallClock(SystemClock):
    """A wall clock that is set by hand; the loop's clock runs as ever."""

    wall_ms = 1_000_000

    def now_ms(self) -> int:
        return self.wall_ms


async def test_a_timer_fires_once_and_not_before_its_deadline():
    clock = SystemClock()
    fired = Fired()
    deadline = clock.now_ms() + 20
    clock.call_at(deadline, lambda: fired.note(clock.now_ms()))
    await fired.come()
    assert len(fired) == 1 and fired[0] >= deadline


async def test_a_deadline_in_the_past_fires_soon_but_not_at_once():
    clock = WallClock()
    fired = Fired()
    clock.call_at(clock.wall_ms - 5_000, lambda: fired.note("late"))
    assert fired == []
    await fired.come()
    assert fired == ["late"]


async def test_a_cancelled_timer_never_fires():
    clock = WallClock()
    fired = Fired()
    timer = clock.call_at(clock.wall_ms, lambda: fired.note("cancelled"))
    timer.cancel()
    timer.cancel()
    await asyncio.sleep(0.01)
    assert fired == []


async def test_a_timer_waits_on_when_the_wall_clock_was_set_back():
    clock = WallClock()
    fired = Fired()
    clock.call_at(clock.wall_ms + 5, lambda: fired.note(clock.wall_ms))
    clock.wall_ms -= 10
    await asyncio.sleep(0.05)
    assert fired == []
    clock.wall_ms += 20
    await fired.come()
    assert fired == [1_000_010]


async def test_a_jump_of_the_wall_clock_wakes_what_is_due(monkeypatch):
    """A laptop that slept for a day: the loop's own clock stood still."""
    monkeypatch.setattr(host, "WATCH_S", 0.01)
    clock = WallClock()
    fired = Fired()
    clock.call_at(clock.wall_ms + 3_600_000, lambda: fired.note("hour"))
    clock.call_at(clock.wall_ms + 172_800_000, lambda: fired.note("two days"))
    await asyncio.sleep(0.02)
    assert fired == []
    clock.wall_ms += 86_400_000
    await fired.come()
    assert fired == ["hour"]


async def test_a_delay_longer_than_a_day_is_slept_in_pieces(monkeypatch):
    monkeypatch.setattr(host, "MAX_NAP_S", 0.005)
    clock = SystemClock()
    fired = Fired()
    deadline = clock.now_ms() + 30
    clock.call_at(deadline, lambda: fired.note(clock.now_ms()))
    await fired.come()
    assert len(fired) == 1 and fired[0] >= deadline
    clock.call_at(clock.now_ms() + 4_000_000_000_000, lambda: None).cancel()


def test_one_clock_serves_one_event_loop_after_the_other():
    clock = SystemClock()

    async def wait() -> None:
        done = asyncio.Event()
        clock.call_at(clock.now_ms() + 100_000, lambda: None)
        clock.call_at(clock.now_ms() + 1, done.set)
        await asyncio.wait_for(done.wait(), 5)

    asyncio.run(wait())
    asyncio.run(wait())


def test_ids_sort_in_the_order_they_were_made_and_are_safe_in_urls():
    ids = SystemIds()
    made = [ids.new_id() for _ in range(5_000)]
    assert made == sorted(set(made))
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{26}", id_) for id_ in made)
    assert not set(made) & {SystemIds().new_id() for _ in range(100)}


def test_an_id_tells_its_time():
    before = SystemClock().now_ms()
    id_ = SystemIds().new_id()
    number = 0
    for character in id_[:10]:
        number = number * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(character)
    assert before <= number <= SystemClock().now_ms()


def test_chance_is_between_nought_and_one_and_tokens_are_long():
    ids = SystemIds()
    numbers = [ids.random() for _ in range(100)]
    assert all(0 <= number < 1 for number in numbers) and len(set(numbers)) == 100
    assert len(ids.token()) == 32 and ids.token() != ids.token()


async def test_the_default_host_runs_blocking_code_beside_the_loop():
    found = default_host()
    assert isinstance(found, ports.Host)
    assert await found.run_blocking(lambda: 6 * 7) == 42
    assert type(ports.default_host()) is ports.Host

"""What a crash has changed: one journey compared with that without a crash. Each function tells a problem, or None."""

from __future__ import annotations

from collections import Counter

from weft_core.model import keys
from weft_core.testing.journey import Effect, Travelled

OWNED_WHILE_RUNNING = ("ckpt", "chunk", "mail", "timer", "active", "ask", *keys.ON_THEIR_WAY)
"""Kinds of records that a finished run must not leave."""
_NOT_COMPARED = ("log", "feed", "stream", "meta", "code")
"""A crash adds an event to the logs, a reset to streams, and an owner to the store."""


def unfinished(made: Travelled) -> str | None:
    """Runs that wait for something, or are held or dead."""
    runs = [
        f"{run['workflow']} {run['id']!r} is {run['status']}, waiting for {run['waiting_for']}"
        for run in made.unfinished
    ]
    return f"left unfinished: {'; '.join(runs)}" if runs else None


def left_behind(made: Travelled) -> str | None:
    """Records that only running runs have."""
    kinds = ((key, key.partition("/")[0]) for key in made.rows if "//" not in key)  # no run has the empty id
    left = sorted(key for key, kind in kinds if kind in OWNED_WHILE_RUNNING)
    return f"records left of finished runs: {left}" if left else None


def other_calls(made: Travelled, plain: Travelled) -> str | None:
    """G4 and G5: the same effects, each called again at most once, and only if the crash cut it off."""
    if len(made.stores) > 1:
        return f"the store has changed its identity, and with it all idempotency keys: {made.stores}"
    labels, expected = (Counter(effect.label for effect in way.calls) for way in (made, plain))
    if labels != expected:
        missing, more = _names(expected - labels), _names(labels - expected)
        return f"other effects than without a crash: {missing} missing, {more} more"
    usual = _usual(plain)
    problems = (_called_too_often(made, effect, usual[effect.label]) for effect in made.calls)
    return next((problem for problem in problems if problem), None)


def _usual(plain: Travelled) -> dict[tuple[str, str], int]:
    """How often each is called without a crash: failed attempts are made again."""
    most: dict[tuple[str, str], int] = {}
    for effect, times in plain.calls.items():
        most[effect.label] = max(times, most.get(effect.label, 0))
    return most


def _called_too_often(made: Travelled, effect: Effect, usual: int) -> str | None:
    times, before = made.calls[effect], made.calls_at_crash[effect]
    what = f"activity {effect.activity!r} (step {effect.step} of {effect.workflow} {effect.run_id!r})"
    if (effect.run_id, effect.step) in made.recorded_at_crash and times > before:
        return f"{what} was called again after its outcome had been recorded"
    if times > usual + (before > 0):
        return f"{what} was called {times} times, {usual} without a crash"
    return None


def repeated(made: Travelled, plain: Travelled) -> int:
    """Attempts that were made again because of the crash."""
    usual = _usual(plain)
    return sum(max(0, times - usual[effect.label]) for effect, times in made.calls.items())


def other_records(made: Travelled, plain: Travelled) -> str | None:
    """Records of other kinds, or more or fewer of them, than are left without a crash."""
    kinds, expected = _kinds(made), _kinds(plain)
    if kinds == expected:
        return None
    return f"records left: {dict(kinds - expected)} more and {dict(expected - kinds)} less than without a crash"


def _kinds(made: Travelled) -> Counter[str]:
    kinds = Counter(key.partition("/")[0] for key in made.rows)
    for kind in _NOT_COMPARED:
        del kinds[kind]
    return kinds


def _names(labels: Counter[tuple[str, str]]) -> str:
    return ", ".join(f"{n} × {activity} of {name}" for (name, activity), n in labels.items()) or "none"


def ending(made: Travelled) -> str:
    """How the run ended, in words."""
    kind, value = made.ending
    return f"completed with {value!r}" if kind == "completed" else f"{kind}: {value}"

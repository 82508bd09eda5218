"""What a scenario did, printed as its last act: faults injected and effects counted."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

from e2e.harness.server import Server

EFFECTS_OF_A_CHECKOUT = ("reserve", "charge", "receipt", "ship")


TOLD: dict[str, list[tuple[int, int]]] = {}
"""Faults and effects, by the test that told them; gate.py adds them up."""


FAULTS = (
    "faults", "attempts_drained", "connections_lost", "crashes", "damaged_files", "damaged_records", "freezes",
    "messages_refused", "kills", "leader_crashes", "moves_away", "quota_aborts", "restores", "servers_killed",
    "shutdowns", "stops_proven", "tabs_left_behind", "thefts", "updates", "wiped_profiles",
)  # fmt: skip
"""What the tests call their faults. Numbers under these names are added up."""


def told(scenario: str, **facts: Any) -> None:
    """One line for the log of the run. The test of a scenario tells the numbers of its faults and ``effects``."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    faults = sum(facts[name] for name in FAULTS if isinstance(facts.get(name), int))
    effects = facts.get("effects", 0)
    TOLD.setdefault(test, []).append((faults, effects))
    print(f"[{scenario}] " + ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in facts.items()))


def applied(server: Server) -> int:
    """How many effects the shop has applied, of all orders."""
    return sum(int(effect["count"]) for effect in server.effects())


def attempts_of(server: Server, order: str) -> Mapping[str, int]:
    """How often each effect of an order was asked for. Fails if an effect came under two keys, or was applied twice."""
    effects = server.effects(order)
    assert all(effect["count"] <= 1 for effect in effects), effects
    keys = Counter(effect["operation"] for effect in effects)
    assert set(keys.values()) <= {1}, f"an effect of {order} came under several idempotency keys: {effects}"
    return {effect["operation"]: effect["attempts"] for effect in effects}


def shipped_once(server: Server, order: str) -> Mapping[str, int]:
    """All four effects of a checkout happened, each once; returns the attempts."""
    attempts = attempts_of(server, order)
    applied = {effect["operation"]: effect["count"] for effect in server.effects(order)}
    assert applied == dict.fromkeys(EFFECTS_OF_A_CHECKOUT, 1), applied
    return attempts

"""The demo's shop: what the activities of ``examples/checkout_http.py`` and ``checkout_browser.py`` talk to.

Every attempt is counted as it arrives; an effect is applied once per idempotency key, as a careful payment provider
does it.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from pathlib import Path
from typing import Any, Final

OPERATIONS: Final = ("reserve", "charge", "receipt", "ship", "release", "refund")
_PREFIX: Final = {"reserve": "RES", "charge": "CHG", "receipt": "RCP", "ship": "PCL", "release": "REL", "refund": "RFD"}
MAX_LATENCY_MS: Final = 60_000
HANG_S: Final = 30.0
"""Longer than anybody waits for an answer."""

Answer = tuple[int, dict[str, Any]]


class Shop:
    """Effects by idempotency key. Safe to call from many threads.

    ``latency_ms`` is how long each answer takes. With ``ledger`` (a file, one JSON line per event) a restarted shop
    remembers what it was asked for and what it did.
    """

    def __init__(self, *, latency_ms: int = 0, ledger: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._weather = {"latency_ms": latency_ms, "fail_every": 0, "refuse_percent": 0, "hang_percent": 0}
        self._requests = 0
        self._refused = self._hung = 0
        self._effects: dict[str, dict[str, Any]] = {}
        self._ledger = ledger
        if ledger is not None and ledger.exists():
            for line in ledger.read_text().splitlines():
                self._remember(json.loads(line))

    def serve(self, operation: str, key: str, body: dict[str, Any]) -> Answer:
        """Apply the effect, or return what this key got before. Takes as long as the shop's latency."""
        if operation not in OPERATIONS:
            return 404, {"error": f"the shop knows {', '.join(OPERATIONS)}; it does not know {operation!r}"}
        if not key:
            return 400, {"error": "an effect needs an Idempotency-Key header"}
        with self._lock:
            known = self._effects.get(key)
            if known is not None and known["operation"] != operation:
                return 409, {"error": f"this key was used for {known['operation']!r}"}
            self._note("attempt", operation, key, str(body.get("order")))
            self._requests += 1
            number, weather = self._requests, dict(self._weather)
            luck = _luck(key, self._effects[key]["attempts"])
        hangs = 0 <= luck - weather["refuse_percent"] < weather["hang_percent"]
        time.sleep(weather["latency_ms"] / 1000)
        with self._lock:
            if luck < weather["refuse_percent"] or (weather["fail_every"] and number % weather["fail_every"] == 0):
                self._refused += 1
                return 503, {"error": "the shop is overloaded, try again"}
            effect = self._effects[key]
            if not effect["count"]:
                self._note("effect", operation, key, effect["order"])
            self._hung += hangs
        if hangs:  # it did what it was asked for, and does not say so
            time.sleep(HANG_S)
        return 200, _result(effect)

    def _note(self, event: str, operation: str, key: str, order: str) -> None:
        entry = {"event": event, "operation": operation, "key": key, "order": order}
        if self._ledger is not None:
            with self._ledger.open("a") as file:
                file.write(json.dumps(entry) + "\n")
        self._remember(entry)

    def _remember(self, entry: dict[str, str]) -> None:
        blank = {"operation": entry["operation"], "order": entry["order"], "count": 0, "attempts": 0}
        effect = self._effects.setdefault(entry["key"], blank)
        effect["attempts" if entry["event"] == "attempt" else "count"] += 1

    def set_weather(self, body: dict[str, Any]) -> Answer:
        """Make the shop slower (``latency_ms``) or less reliable.

        ``fail_every``: each n-th answer is a 503. ``refuse_percent`` of the attempts get a 503, and ``hang_percent`` no
        answer, the same ones for the same keys.
        """
        change = {name: body[name] for name in self._weather if name in body}
        if not all(type(value) is int and 0 <= value <= MAX_LATENCY_MS for value in change.values()):
            return 400, {"error": f"{', '.join(self._weather)} are whole numbers from 0 to {MAX_LATENCY_MS}"}
        with self._lock:
            self._weather.update(change)
            return 200, dict(self._weather)

    def report(self) -> dict[str, Any]:
        """All effects: ``count`` is how often it was applied, ``attempts`` how often it was asked for."""
        with self._lock:
            effects = [{"key": key, **effect} for key, effect in self._effects.items()]
            counts = {"requests": self._requests, "refused": self._refused, "hung": self._hung}
            return {"effects": effects, **counts, "weather": self._weather}


def _luck(key: str, attempt: int) -> int:
    """From 0 to 99, of an attempt."""
    return int(hashlib.sha256(f"{key}/{attempt}".encode()).hexdigest()[:8], 16) % 100


def _result(effect: dict[str, Any]) -> dict[str, Any]:
    """The reference is made from the order, not from the key, so that the same order gives equal results everywhere."""
    digest = hashlib.sha256(f"{effect['operation']}/{effect['order']}".encode()).hexdigest()
    return {"reference": f"{_PREFIX[effect['operation']]}-{digest[:8].upper()}"}

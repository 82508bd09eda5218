"""Whatever two tabs write at once, there is an order in which it could have happened one by one (G11)."""

from __future__ import annotations

from collections import defaultdict
from graphlib import TopologicalSorter
from typing import Any

from e2e.harness.browser import Browser
from e2e.harness.server import Server

SEED, ROUNDS, KEYS, MEETS_EVERY = 20261129, 120, 6, 10
RUN = """([tab, seed, ...more]) => void (window.done = import(new URL("interleave.mjs", location.href).href)
  .then(() => interleave(tab, seed, ...more)))"""

Batch = dict[str, dict[str, Any]]


def test_any_interleaving_of_the_batches_of_two_tabs_is_serialisable(chrome: Browser, shop: Server) -> None:
    """speakr #313, Dexie #253: a transaction that waits for something else ends early, and half of it is another's."""
    pages = [chrome.tab(f"{shop.url}index.html") for _ in range(2)]
    for tab, page in enumerate(pages):
        page.evaluate(RUN, [tab, SEED + tab, ROUNDS, KEYS, MEETS_EVERY])
    reports = [page.evaluate("done") for page in pages]
    last = pages[0].evaluate("(keys) => interleave(9, 1, 0, keys)", KEYS)["last"]
    batches: list[Batch] = [batch for report in reports for batch in report["applied"]]
    final = replayed(in_order(batches))
    assert final == {key: value for key, value in last.items() if value is not None}
    assert all(len(report["applied"]) > ROUNDS / 4 for report in reports)
    refused = 2 * ROUNDS - sum(len(report["applied"]) for report in reports)
    assert refused >= ROUNDS / MEETS_EVERY, "one batch of each two that had read the same"


def in_order(batches: list[Batch]) -> list[Batch]:
    """A serial order: after who wrote what a batch read, before who wrote over it. CycleError: there is none."""
    writers = {(key, value): n for n, batch in enumerate(batches) for key, value in batch["wrote"].items()}
    over: dict[tuple[str, Any], list[int]] = defaultdict(list)
    for n, batch in enumerate(batches):
        for key in batch["wrote"]:
            over[key, batch["read"][key]].append(n)
    assert all(len(found) == 1 for found in over.values()), "a value was written over twice"
    before: dict[int, set[int]] = {n: set() for n in range(len(batches))}
    for n, batch in enumerate(batches):
        for key, value in batch["read"].items():
            if value is not None:
                before[n].add(writers[key, value])
            for later in over[key, value]:
                if later != n:
                    before[later].add(n)
    return [batches[n] for n in TopologicalSorter(before).static_order()]


def replayed(batches: list[Batch]) -> dict[str, Any]:
    """What is there after them, one by one; each must find what it read."""
    state: dict[str, Any] = {}
    for batch in batches:
        assert all(state.get(key) == value for key, value in batch["read"].items())
        state |= batch["wrote"]
    return state

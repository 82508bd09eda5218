"""The scenarios that a whole run must have passed, each in the browsers named."""

from __future__ import annotations

from dataclasses import dataclass

from e2e.harness.engines import CHROMIUM, ENGINES, FIREFOX


@dataclass(frozen=True)
class Scenario:
    """One line of the table. ``faults`` and ``effects``: the least that its tests must tell, in each browser."""

    number: int
    title: str
    engines: tuple[str, ...] = (CHROMIUM,)
    faults: int = 1
    effects: int = 1


TWO, THREE = (CHROMIUM, FIREFOX), ENGINES

SCENARIOS = (
    Scenario(1, "a tab crashes in the middle of a run", THREE, effects=4),
    Scenario(2, "the browser is killed, and started on the same profile", TWO, faults=10, effects=40),
    Scenario(3, "the service worker is killed between commit and reply"),
    Scenario(4, "the service worker is killed at every storage message of a run", faults=14, effects=0),
    Scenario(5, "everything starts with the server stopped", THREE),
    Scenario(6, "what waited for the server is delivered when it is back", THREE, effects=4),
    Scenario(7, "two tabs, one store", THREE, faults=0, effects=50),
    Scenario(8, "the leader crashes while a follower waits", TWO),
    Scenario(9, "a frozen leader wakes after it was replaced"),
    Scenario(10, "the quota is exhausted in the middle of a batch, then freed"),
    Scenario(11, "the same workflows on a server and in a browser", THREE, effects=8),
    Scenario(12, "a run is handed to a server, with a crash at each point", faults=20, effects=4),
    Scenario(13, "the application is updated while a run goes on"),
    Scenario(14, "an old store and new code", faults=0, effects=0),
    Scenario(15, "a durable timer over a full shutdown", THREE),
    Scenario(16, "a review over a restart"),
    Scenario(17, "the background of an extension is stopped again and again", faults=15, effects=15),
    Scenario(18, "the browser of an extension is killed, and started without a page", TWO, faults=4, effects=4),
    Scenario(19, "a batch of browser.storage is interrupted, in an extension", faults=6, effects=3),
    Scenario(20, "the connection to IndexedDB is lost", TWO, faults=3),
    Scenario(21, "an upgrade of the database by another tab, and a blocked one"),
    Scenario(22, "a corrupt record in the profile"),
    Scenario(23, "damaged files of the database"),
    Scenario(24, "a store is exported, wiped and imported in another browser", THREE),
    Scenario(25, "no service worker, a private window, no storage", TWO, faults=4, effects=12),
    Scenario(26, "a budget for the start, and the memory snapshot", faults=5, effects=20),
    Scenario(27, "a strict policy, a sub-path, nothing from elsewhere", faults=0, effects=0),
    Scenario(28, "many short runs with kills among them", faults=20, effects=1000),
    Scenario(29, "the page is left in the middle of a commit, and come back to", faults=4, effects=12),
    Scenario(30, "hostile messages of the same origin", effects=0),
    Scenario(31, "a tail in one tab over a change of the leader in another", faults=4, effects=0),
    Scenario(32, "200 runs meet a server that fails", faults=20, effects=200),
)

NOT_YET: dict[int, tuple[str, ...]] = {}
"""Scenarios that nobody has written, by browser."""

REQUIRED = {
    (scenario.number, engine)
    for scenario in SCENARIOS
    for engine in scenario.engines
    if engine not in NOT_YET.get(scenario.number, ())
}

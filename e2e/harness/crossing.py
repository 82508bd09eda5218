"""A run between a page and a server, and the deaths of both. After each death it is looked at who owns the run."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from e2e.harness.browser import Browser
from e2e.harness.pages import CHECKOUT, call, open_weft, order, until
from e2e.harness.report import attempts_of
from e2e.harness.rows import read_rows
from e2e.harness.server import Server
from e2e.harness.server_side import row_of
from e2e.harness.weft_serve import TOKEN, WeftServe
from e2e.harness.wire import Wire
from weft_core.machine import records
from weft_core.machine.travel import read_message
from weft_core.model import keys
from weft_core.model.run import AWAY, RunHeader

WAITS = "return (await weft.describe(arg)).waiting_for.some((wait) => wait.kind === 'signal')"
MOVED = "return (await weft.describe(arg)).status === 'moved'"
HAND_OVER = "([run, url, token]) => void weft.handoff(run, url, { token }).catch(() => {})"
USE_SERVER = "([url, token]) => void weft.useServer(url, { token }).catch(() => {})"
GIVEN = {"Authorization": f"Bearer {TOKEN}"}


class Crossing:
    """One run of the checkout, which waits for its customer while it goes to and fro."""

    def __init__(self, chrome: Browser, server: Server, wire: Wire, serve: WeftServe) -> None:
        self.chrome, self.server, self.wire, self.serve = chrome, server, wire, serve
        self.run = self.order = ""
        self.faults = 0
        self._page: Page | None = None

    # -- the run

    def begin(self, number: str) -> None:
        page, self.order = self._tab(), number
        self.run = call(page, "start", "checkout", [order(number)])["id"]
        until(page, WAITS, self.run)
        until(page, "return weft.status.snapshot === 'kept'")  # the tabs to come start from it
        page.close()
        self._page = None

    def hand_over(self, page: Page) -> None:
        page.evaluate(HAND_OVER, [self.run, self.wire.url, TOKEN])

    def take_back(self, page: Page) -> None:
        page.evaluate("(run) => void weft.takeBack(run)", self.run)

    def give_token(self, page: Page) -> None:
        """It is in memory only: each tab that comes needs it again."""
        page.evaluate(USE_SERVER, [self.wire.url, TOKEN])

    # -- deaths

    def tab_dies(self, at: str, act: Callable[[Page], None] | None = None) -> None:
        """``reply parking``: when that state is stored, and nobody has heard of it. ``request ...``: it is not."""
        self.serve.ensure()
        page = self._tab(at)
        (act or self.give_token)(page)
        until(page, "return weftHeld() !== null")
        self._crash(page)

    def tab_dies_when(self, phase: str, what: str) -> None:
        """A message of the page is on its way."""
        self._crash(self._message_held(phase, what))
        self.wire.lose()

    def browser_dies_when(self, phase: str, what: str) -> None:
        self._message_held(phase, what)
        self._look()
        self.chrome.kill()
        self._page = None
        self.faults += 1
        self.wire.lose()
        self.chrome.launch()

    def server_dies(self, *commits: str) -> None:
        """At each of these, when the page asks it again."""
        for commit in commits:
            self.serve.kill()
            self.serve.start(commit)
            self.give_token(self._tab())
            self.serve.killed()
            self._look()
            self.faults += 1

    def server_dies_by_itself(self, *commits: str) -> None:
        """At each of these, in what it does when it has started again."""
        for commit in commits:
            self.serve.start(commit)
            self.serve.killed()
            self._look()
            self.faults += 1

    # -- the end

    def comes_late(self) -> None:
        """The envelope that was lost arrives when the run has been there and is back."""
        self.serve.ensure()
        page = self._tab()
        self.give_token(page)
        while "returned" not in self.wire.passed:
            page.evaluate("0")
        method, path, body = next(lost for lost in self.wire.lost if lost[1].endswith("/import"))
        status, _, answer = self.wire.ask(method, path, body, GIVEN)
        assert (status, read_message(answer, ("conflict",))[1]) == (200, self.run)
        self.faults += 1
        self._look()
        assert [header.status for header in self._headers()] == ["running", "moved"]

    def finish_there(self) -> list[dict[str, Any]]:
        """Handed over once more, told to go on, and killed in the middle of it. The events, the same on both sides."""
        page = self._tab()
        self.hand_over(page)
        until(page, MOVED, self.run)
        self.server.weather(latency_ms=8_000)  # the kill comes long before the shop's answer
        self.serve.cli("signal", self.run, "confirm", '{"confirmed": true, "by": "the shop"}')
        while "ship" not in attempts_of(self.server, self.order):
            page.evaluate("0")
        self.serve.kill()
        self.server.weather(latency_ms=0)
        self.serve.start()
        self.faults += 1
        self.give_token(page)
        assert call(page, "result", self.run)["confirmed_by"] == "the shop"
        _, _, there = self.wire.ask("GET", f"/api/v1/runs/{self.run}/events", b"", GIVEN)
        here: list[dict[str, Any]] = call(page, "history", self.run)
        assert here == json.loads(there)["events"]
        return here

    # -- inside

    def _message_held(self, phase: str, what: str) -> Page:
        self.serve.ensure()
        self.wire.hold(phase, what)
        page = self._tab()
        self.give_token(page)
        self.wire.wait()
        return page

    def _tab(self, relay: str = "1") -> Page:
        """The tab that is there, or a new one, which is held where ``relay`` says."""
        if self._page is None:
            self._page = open_weft(
                self.chrome, self.server.url, storage="service-worker", snapshot="soon", relay=relay, **CHECKOUT
            )
        return self._page

    def _crash(self, page: Page) -> None:
        self._look()
        self.chrome.crash(page)
        self._page = None
        self.faults += 1

    def _headers(self) -> list[RunHeader]:
        """What each side has on its disk at this moment."""
        key = keys.run(self.run)
        here = dict(read_rows(self._page, "e2e"))[key] if self._page is not None else None
        rows = [row for row in (here, row_of(self.serve.db, key)) if row is not None]
        return [records.read_header(self.run, row) for row in rows]

    def _look(self) -> None:
        """One of them steps the run, or it is on its way."""
        statuses = [header.status for header in self._headers()]
        owners = [status for status in statuses if status not in AWAY]
        assert len(owners) == 1 or (not owners and "transferring" in statuses), statuses

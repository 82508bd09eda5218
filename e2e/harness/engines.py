"""What the harness asks of every browser and every tab, whichever engine is behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import pytest

CHROMIUM, FIREFOX, WEBKIT = ENGINES = ("chromium", "firefox", "webkit")


class Tab(Protocol):
    """A loaded page. Playwright's Page is one."""

    def evaluate(self, expression: str, arg: Any = None) -> Any:
        """The value of the expression, or of the function that it is, called with ``arg``; a promise is awaited."""

    def goto(self, url: str) -> Any:
        """Load another page here."""

    def reload(self) -> Any:
        """Load the page again."""

    def close(self) -> None:
        """Close the tab as a user does."""


class AnyBrowser(Protocol):
    """One profile folder and, while it lives, the browser on it."""

    engine: str
    console: list[str]

    def launch(self) -> AnyBrowser:
        """Start the browser, again on the same profile."""

    def tab(self, url: str) -> Any:
        """A new Tab, loaded."""

    def crash(self, page: Any) -> float:
        """Kill the process of a Tab, with its workers. Returns when it is gone; the value is the time of the kill."""

    def kill(self) -> int:
        """SIGKILL every process of the browser and wait until they are gone. Returns how many there were."""

    def close(self) -> None:
        """End the browser in the orderly way."""


Launch = Callable[..., AnyBrowser]
"""``launch(engine, name="profile", **options)``, of the fixture ``launch``."""


def engines(*names: str) -> pytest.MarkDecorator:
    """The test runs once in each of these browsers; its fixture ``any_browser`` is one on a fresh profile."""
    assert set(names) <= set(ENGINES), names
    return pytest.mark.parametrize("engine", names)

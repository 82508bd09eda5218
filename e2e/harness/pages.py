"""Talking to the test page: calls of the page API from Python, and waiting for what happens there."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from e2e.harness.engines import AnyBrowser, Tab

OPEN_TIMEOUT_MS = 40_000

CHECKOUT = {"workflows": "checkout.py", "activities": "checkout_browser.py"}
"""The checkout with the browser's activities: effects are requests to the shop."""
CHECKOUT_ALONE = {"workflows": "checkout.py"}
"""The checkout with its own activities, which need no network."""
BARE = {"serviceWorker": "none"}
"""No service worker, for tests that are about something else: to install one is a third of the work of a start."""


def open_weft(browser: AnyBrowser, site: str, *, wait: str = "ready or follower", **options: str) -> Any:
    """A tab in which Weft is open; its page keeps every event it saw in ``weftEvents``."""
    page = browser.tab(f"{site}test.html?{urlencode(options)}")
    if wait:
        failure = page.evaluate("weftOpen.then(() => null, (error) => `${error.code}: ${error.message}`)")
        assert failure is None, f"{failure}\n" + "\n".join(browser.console[-20:])
    return page


def call(page: Tab, method: str, *arguments: Any) -> Any:
    """``weft.<method>(...arguments)``, awaited."""
    return page.evaluate("([method, args]) => weft[method](...args)", [method, list(arguments)])


def until(page: Tab, condition: str, argument: Any = None, *, timeout_ms: int = 50_000) -> Any:
    """Wait until ``condition`` (the body of a JavaScript function of ``arg``) is true; the page looks at each event.

    Returns its value. Page.wait_for_function cannot be used: the site's policy forbids it to evaluate text later.
    """
    return page.evaluate(
        f"([arg, timeout]) => weftUntil(async (arg) => {{ {condition} }}, arg, timeout)", [argument, timeout_ms]
    )


def offline_ready(page: Tab) -> None:
    """Wait until the service worker has everything that the next start needs, and serves this page."""
    page.evaluate("weftOffline()")


def order(number: str, **more: Any) -> dict[str, Any]:
    """An order for two products; by default it waits for the customer's confirmation."""
    items = [{"sku": "shuttle", "quantity": 1}, {"sku": "yarn", "quantity": 3}]
    return {"id": number, "items": items, "email": "ada@example.org", "address": "12 Loom Lane", **more}

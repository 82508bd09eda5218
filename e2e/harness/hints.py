"""What the browser tells a Service Worker: events of Background Sync and Push, and clicks on its notifications."""

from __future__ import annotations

import json
import time
from typing import Any

from playwright.sync_api import Page, Worker

from e2e.harness.browser import Browser

REGISTERED_WITHIN_S = 60

CLICK = """async ([tag, action]) => {
  const [notification] = await registration.getNotifications({tag});
  if (!notification) throw new Error(`no notification has the tag ${tag}`);
  const event = new NotificationEvent("notificationclick", {notification, action});
  // Only the browser may prolong a real event, so this one says itself when its work is done.
  const work = [];
  event.waitUntil = (promise) => work.push(promise);
  dispatchEvent(event);
  globalThis.weftClicked = Promise.all(work);
}"""


class Hints:
    """Speaks to the browser over the debugging protocol, from a page that need not be one of the site."""

    def __init__(self, chrome: Browser, page: Page, origin: str) -> None:
        assert chrome.context is not None
        self._chrome, self._origin = chrome, origin.rstrip("/")
        self._session = chrome.context.new_cdp_session(page)
        self._registration = ""
        self._session.on("ServiceWorker.workerRegistrationUpdated", self._updated)
        self._session.send("ServiceWorker.enable")
        deadline = time.monotonic() + REGISTERED_WITHIN_S
        while not self._registration:
            assert time.monotonic() < deadline, f"no service worker is registered for {origin}"
            time.sleep(0.01)  # leaves the processor to the browser
            self._session.send("Page.enable")  # any command: events are delivered during calls only

    def _updated(self, event: dict[str, Any]) -> None:
        for found in event["registrations"]:
            if found["scopeURL"].startswith(self._origin) and not found["isDeleted"]:
                self._registration = found["registrationId"]

    def sync(self, tag: str = "weft") -> None:
        self._send("dispatchSyncEvent", tag=tag, lastChance=False)

    def periodic_sync(self, tag: str = "weft") -> None:
        self._send("dispatchPeriodicSyncEvent", tag=tag)

    def push(self, message: Any) -> None:
        self._send("deliverPushMessage", data=json.dumps(message))

    def _send(self, method: str, **more: Any) -> None:
        where = {"origin": self._origin, "registrationId": self._registration}
        self._session.send(f"ServiceWorker.{method}", {**where, **more})

    def click(self, tag: str, action: str) -> None:
        """Click an action of a notification. Returns when the Service Worker has begun to handle it."""
        self.worker().evaluate(CLICK, [tag, action])

    def worker(self) -> Worker:
        assert self._chrome.context is not None
        return self._chrome.context.service_workers[-1]

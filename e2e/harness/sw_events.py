"""Events that a browser sends to a service worker, sent by the debugging protocol."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import CDPSession

FOUND_WITHIN_S = 60


class ServiceWorkerEvents:
    """For the service worker of one scope."""

    def __init__(self, session: CDPSession, origin: str, scope: str) -> None:
        self._session, self._origin, self._scope = session, origin, scope
        self._id: str | None = None
        session.on("ServiceWorker.workerRegistrationUpdated", self._registered)
        session.send("ServiceWorker.enable")
        deadline = time.monotonic() + FOUND_WITHIN_S
        while self._id is None:
            assert time.monotonic() < deadline, f"no service worker has the scope {scope}"
            time.sleep(0.01)  # leaves the processor to the browser
            session.send("ServiceWorker.enable")  # events are delivered during calls only

    def _registered(self, event: dict[str, Any]) -> None:
        for registration in event["registrations"]:
            if registration["scopeURL"] == self._scope and not registration["isDeleted"]:
                self._id = registration["registrationId"]

    def send(self, kind: str) -> None:
        """One of "sync", "push", "periodicsync"."""
        where = {"origin": self._origin, "registrationId": self._id}
        if kind == "push":
            self._session.send("ServiceWorker.deliverPushMessage", {**where, "data": "{}"})
        elif kind == "sync":
            self._session.send("ServiceWorker.dispatchSyncEvent", {**where, "tag": "weft", "lastChance": False})
        else:
            self._session.send("ServiceWorker.dispatchPeriodicSyncEvent", {**where, "tag": "weft"})

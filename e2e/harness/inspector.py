"""A tab of WebKit, spoken to by the protocol of its remote inspector.

WebKitWebDriver would be the usual way, but its sessions are ephemeral: nothing is there after a relaunch.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable
from typing import Any

import websocket
from playwright.sync_api import Error

EVALUATE_TIMEOUT_S = 60
LOAD_TIMEOUT_S = 30

_EVALUATED = """(async () => {
  const value = (%s\n);
  return JSON.stringify(await (typeof value === "function" ? value(%s) : value));
})()"""


class TabGone(Error):
    """The tab was closed or its process died."""


class InspectedTab:
    """One tab, by the address of its websocket."""

    def __init__(self, address: str, console: list[str]) -> None:
        self._console = console
        no_delay = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
        self._socket = websocket.create_connection(
            address, timeout=LOAD_TIMEOUT_S, suppress_origin=True, sockopt=no_delay
        )
        self._last, self._target, self._answers = 0, "", dict[int, dict[str, Any]]()
        self._wait(lambda: bool(self._target), LOAD_TIMEOUT_S, "no target")

    def evaluate(self, expression: str, arg: Any = None) -> Any:
        """The value of the expression, or of the function that it is, called with ``arg``; a promise is awaited."""
        text = _EVALUATED % (expression, json.dumps(arg))
        started = self._ask("Runtime.evaluate", expression=text)
        if started["wasThrown"]:  # a syntax error
            raise Error(started["result"].get("description", "thrown"))
        ended = self._ask("Runtime.awaitPromise", promiseObjectId=started["result"]["objectId"], returnByValue=True)
        if ended["wasThrown"]:
            raise Error(str(ended["result"].get("description") or ended["result"].get("value")))
        return json.loads(ended["result"].get("value") or "null")

    def goto(self, url: str) -> None:
        """Load another page here."""
        self._ask("Page.navigate", url=url)
        self.loaded(url)

    def reload(self) -> None:
        """Load the page again."""
        self.evaluate("globalThis.weftBeforeReload = true")
        self._ask("Page.reload")
        self._until("!globalThis.weftBeforeReload && document.readyState === 'complete'")

    def loaded(self, url: str) -> None:
        """Returns when the page is there, and its scripts have run."""
        self._until(f"location.href.startsWith({json.dumps(url)}) && document.readyState === 'complete'")
        self._ask("Console.enable")

    def close(self) -> None:
        """Close the tab as a user does."""
        with contextlib.suppress(Error):
            self._ask("Runtime.evaluate", expression="window.close()")
        self.forget()

    def forget(self) -> None:
        """The tab is gone, or the browser."""
        with contextlib.suppress(OSError, websocket.WebSocketException):
            self._socket.close(timeout=0)

    def _until(self, condition: str) -> None:
        deadline = time.monotonic() + LOAD_TIMEOUT_S
        while time.monotonic() < deadline:
            with contextlib.suppress(Error):  # while one page takes the place of another
                if self.evaluate(condition):
                    return
            time.sleep(0.02)
        raise Error(f"not in {LOAD_TIMEOUT_S} s: {condition}")

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        number, target = self._last, self._target
        inner = json.dumps({"id": number, "method": method, "params": parameters})
        outer = {
            "id": -number,
            "method": "Target.sendMessageToTarget",
            "params": {"targetId": target, "message": inner},
        }
        try:
            self._socket.send(json.dumps(outer))
        except (OSError, websocket.WebSocketException) as error:
            raise TabGone(f"{method}: {error}") from error
        self._wait(lambda: number in self._answers or self._target != target, EVALUATE_TIMEOUT_S, method)
        if number not in self._answers:
            raise Error(f"{method}: the page was replaced")
        answer = self._answers.pop(number)
        if "error" in answer:
            raise Error(f"{method}: {answer['error']['message']}")
        return dict(answer["result"])

    def _wait(self, condition: Callable[[], bool], timeout_s: float, what: str) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                text = self._socket.recv()
            except websocket.WebSocketTimeoutException:
                raise Error(f"no answer in {timeout_s} s: {what}") from None
            except (OSError, websocket.WebSocketException) as error:
                raise TabGone(f"{what}: {error}") from error
            if not text:
                raise TabGone(f"{what}: the tab is gone")
            self._heard(json.loads(text))

    def _heard(self, message: dict[str, Any]) -> None:
        method, parameters = message.get("method"), message.get("params", {})
        if method == "Target.targetCreated" and not parameters["targetInfo"].get("isProvisional"):
            if parameters["targetInfo"]["type"] == "page":
                self._target = parameters["targetInfo"]["targetId"]
        elif method == "Target.didCommitProvisionalTarget":
            self._target = parameters["newTargetId"]
        elif method == "Target.dispatchMessageFromTarget":
            self._heard_from_page(json.loads(parameters["message"]))
        elif "error" in message:
            self._answers[-message["id"]] = message

    def _heard_from_page(self, message: dict[str, Any]) -> None:
        if "id" in message:
            self._answers[message["id"]] = message
        elif message["method"] == "Console.messageAdded":
            found = message["params"]["message"]
            self._console.append(f"{found['level']}: {found['text']}")

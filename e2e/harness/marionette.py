"""The remote control that is built into Firefox, as far as the tests need it: length, colon and JSON over a socket."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

from e2e.harness import processes

PORT_FILE = "MarionetteActivePort"
"""Firefox writes its port there, in the profile, when ``marionette.port`` is 0."""
LISTENS_WITHIN_S = 60
SCRIPT_TIMEOUT_S = 90
_AWAITED = """
const [given, done] = arguments;
const failed = (error) => done({ error: `${error.name}: ${error.message}` });
(async () => (%s)(given))().then((value) => done({ value: value ?? null }), failed);
"""


class ScriptError(Exception):
    """What a script in the browser has thrown."""


class Marionette:
    """One session. Scripts run in the browser itself (``chrome``) or in the tab that was switched to last."""

    def __init__(self, profile: Path, pid: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", _port(profile, pid)), SCRIPT_TIMEOUT_S + 10)
        self._file = self._socket.makefile("rb")
        self._asked = 0
        self._receive()  # who it is
        self.call("WebDriver:NewSession", pageLoadStrategy="none", timeouts={"script": SCRIPT_TIMEOUT_S * 1_000})

    def call(self, command: str, **params: Any) -> Any:
        self._asked += 1
        data = json.dumps([0, self._asked, command, params]).encode()
        self._socket.sendall(b"%d:%s" % (len(data), data))
        _, answered, error, result = self._receive()
        assert answered == self._asked, f"{command}: answer {answered} to question {self._asked}"
        if error:
            raise ScriptError(f"{command}: {error['error']}: {error['message']}")
        return result

    def chrome(self, function: str, given: Any = None) -> Any:
        """The value of an async function in the browser's own process, where everything is allowed."""
        return self._run("chrome", function, given)

    def content(self, function: str, given: Any = None) -> Any:
        """The value of an async function in the tab."""
        return self._run("content", function, given)

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def _run(self, where: str, function: str, given: Any) -> Any:
        self.call("Marionette:SetContext", value=where)
        script = {"script": _AWAITED % function, "args": [given], "sandbox": None}
        answer = self.call("WebDriver:ExecuteAsyncScript", **script)["value"]
        if answer is None:
            raise ScriptError("its document is gone")
        if "error" in answer:
            raise ScriptError(answer["error"])
        return answer["value"]

    def _receive(self) -> Any:
        length = b""
        while not length.endswith(b":"):
            read = self._file.read(1)
            if not read:
                raise ConnectionError("Firefox has ended")
            length += read
        return json.loads(self._file.read(int(length[:-1])))


def _port(profile: Path, pid: int) -> int:
    deadline = time.monotonic() + LISTENS_WITHIN_S
    while time.monotonic() < deadline:
        assert processes.alive(pid), "Firefox has ended while it started"
        try:
            return int((profile / PORT_FILE).read_text())
        except (OSError, ValueError):
            time.sleep(0.02)  # not written yet
    raise AssertionError(f"Firefox does not listen within {LISTENS_WITHIN_S} s")

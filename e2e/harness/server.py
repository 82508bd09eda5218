"""The demo server as a process of its own, so that it can be stopped, killed, and come back on the same port."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

STOP_TIMEOUT_S = ANSWER_TIMEOUT_S = 60
PR_SET_PDEATHSIG = 1
PORTS, OF_EACH = range(20_000, 32_000), 1_000
"""None of those that the system gives to who asks for any; each process of a run (see beside.py) has so many."""


class Server:
    """Serves one built site; its shop remembers over restarts. ``latency_ms`` is how long the shop takes to answer."""

    def __init__(self, folder: Path, ledger: Path, *, port: int | None = None, latency_ms: int = 0) -> None:
        self.folder, self.ledger, self.latency_ms = folder, ledger, latency_ms
        self.port = port or free_port()
        self.connect: tuple[str, ...] = ()
        """Other origins that its page may call, when it is started again."""
        self.engine: tuple[str, ...] = ()
        """Options of the engine beside it, when it is started again."""
        self.name = "127.0.0.1"
        """What browsers call it, from when it is started."""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Server:
        """Start it, always on the same port. Returns when it listens."""
        command = [sys.executable, "-m", "weft_server.demo", "--dir", str(self.folder), "--port", str(self.port)]
        command += ["--ledger", str(self.ledger), "--latency-ms", str(self.latency_ms)]
        command += [part for origin in self.connect for part in ("--connect", origin)]
        command += ["--name", self.name, *self.engine]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_the_tests)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert "http://" in line, f"the demo server did not start: {line!r}"
        self.port = int(line.split("http://", 1)[1].split("/", 1)[0].rpartition(":")[2])
        return self

    @property
    def url(self) -> str:
        return f"http://{self.name}:{self.port}/"

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(how)
        code = process.wait(STOP_TIMEOUT_S)
        assert process.stdout is not None
        process.stdout.close()
        return code

    @contextlib.contextmanager
    def standing_still(self) -> Iterator[None]:
        """Until the block ends it takes connections and says nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def weather(self, **change: int) -> None:
        """Change ``latency_ms``, ``fail_every``, ``refuse_percent`` or ``hang_percent``."""
        self._call("api/weather", json.dumps(change).encode())

    def report(self) -> dict[str, Any]:
        """How many requests there were since it was started, and how many were ``refused`` or ``hung``."""
        report: dict[str, Any] = self._call("api/effects")
        return report

    def effects(self, order: str | None = None) -> list[dict[str, Any]]:
        """What the shop was asked for (``attempts``) and did (``count``), by idempotency key."""
        found: list[dict[str, Any]] = self._call("api/effects")["effects"]
        return [effect for effect in found if order in (None, effect["order"])]

    def _call(self, path: str, body: bytes | None = None) -> Any:
        with urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{self.port}/{path}", data=body), timeout=ANSWER_TIMEOUT_S
        ) as answer:
            return json.load(answer)


def die_with_the_tests() -> None:
    """Linux ends a process when the tests that started it are killed: nothing stays behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _ports() -> Iterator[int]:
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return itertools.cycle(PORTS[process * OF_EACH + (os.getpid() + n) % OF_EACH] for n in range(OF_EACH))


_PORTS = _ports()


def free_port() -> int:
    """A port of this machine that nobody uses now, nor will while a server that was killed is away."""
    for port in _PORTS:
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("there is always a next one")


def listens(port: int) -> bool:
    """Whether a server of this machine does there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False

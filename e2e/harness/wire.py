"""A network between the browser and a server: it holds a message before or after it has arrived, and may lose it."""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SEEN_TIMEOUT_S = 60
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


class Wire:
    """Passes HTTP on to ``target``, a port of this machine. Nobody there: the connection breaks."""

    def __init__(self) -> None:
        self.target = 0
        self.passed: list[str] = []
        """The last part of each path that was answered as it was asked: ``import``, ``news`` …"""
        self.lost: list[tuple[str, str, bytes]] = []
        """Method, path and body of what was held and did not go on."""
        self._wanted: tuple[str, str] | None = None
        self._held, self._free = threading.Event(), threading.Event()
        wire = self

        class Handler(_Handler):
            line = wire

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._free.set()
        self._server.shutdown()
        self._server.server_close()

    def hold(self, phase: str, what: str) -> None:
        """The next ``request`` for ``what`` does not arrive, or its ``answer`` does not, until :meth:`lose`."""
        self._held.clear()
        self._free.clear()
        self._wanted = (phase, what)

    def wait(self) -> None:
        """Until one is held."""
        assert self._held.wait(SEEN_TIMEOUT_S), f"nothing came to be held: {self._wanted}; passed: {self.passed[-8:]}"

    def lose(self) -> None:
        """What is held is gone."""
        self._free.set()

    def holds(self, phase: str, what: str) -> bool:
        """True when this one was held, and is lost."""
        if self._wanted != (phase, what):
            return False
        self._wanted = None
        self._held.set()
        self._free.wait()
        return True

    def ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """One request to the server."""
        connection = http.client.HTTPConnection("127.0.0.1", self.target, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    line: Wire

    def do_POST(self) -> None:
        body, what = self.rfile.read(int(self.headers.get("Content-Length", 0))), self.path.rpartition("/")[2]
        if self.command != "OPTIONS" and self.line.holds("request", what):
            self.line.lost.append((self.command, self.path, body))
            return self._break_off()
        try:
            status, headers, data = self.line.ask(self.command, self.path, body, dict(self.headers))
        except (OSError, http.client.HTTPException):
            return self._break_off()
        if self.command != "OPTIONS" and status == 200 and self.line.holds("answer", what):
            return self._break_off()
        if status == 200:
            self.line.passed.append(what)
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_OPTIONS = do_POST

    def _break_off(self) -> None:
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Browsers that are killed hang up."""

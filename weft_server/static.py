"""A small web server for a built site: right types, loopback only, a strict policy if wanted: for looking at it.

``weft browser serve OUT`` and the demo stand on it.
"""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

LOOPBACK: Final = "127.0.0.1"
POLICY: Final = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
"""The strictest policy that Pyodide works under; a page must have no script or style in its HTML then."""
HEADERS: Final = {
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".py": "text/x-python; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".zip": "application/zip",
    ".whl": "application/zip",
}


class StaticHandler(SimpleHTTPRequestHandler):
    """The files of one folder."""

    protocol_version = "HTTP/1.1"
    server_version = "weft"
    sys_version = ""
    extensions_map = {"": "application/octet-stream", **TYPES}  # noqa: RUF012 - the base class declares it so
    server: StaticServer

    def do_GET(self) -> None:
        """Send a file."""
        if self.host_is_ours():
            super().do_GET()

    def do_HEAD(self) -> None:
        """Say what a file is."""
        if self.host_is_ours():
            super().do_HEAD()

    def host_is_ours(self) -> bool:
        """Refuse other host names: a page elsewhere must not reach loopback by pointing its own name at it."""
        port = self.server.server_address[1]
        ours = (self.headers.get("Host") or "") in {f"{name}:{port}" for name in self.server.names}
        if not ours:
            self.close_connection = True
            self.send_error(403, f"this server answers only for http://{LOOPBACK}:{port}/")
        return ours

    def end_headers(self) -> None:
        """Add the headers that every answer carries."""
        if self.server.strict:
            self.send_header("Content-Security-Policy", self.server.policy)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet unless it is ``verbose``: the address must not scroll away."""
        if self.server.verbose:
            super().log_message(format, *args)


class StaticServer(ThreadingHTTPServer):
    """One folder on one loopback port. Port 0 takes a free one. ``OSError``: the port cannot be had.

    ``connect``: origins that the page may call beside its own, as a server that runs are handed to.
    """

    daemon_threads = True

    def __init__(
        self,
        port: int,
        folder: Path,
        *,
        strict: bool = True,
        verbose: bool = False,
        connect: Sequence[str] = (),
        handler: type[StaticHandler] = StaticHandler,
    ) -> None:
        self.strict, self.verbose = strict, verbose
        self.names = {LOOPBACK, "localhost"}
        self.policy = POLICY
        self.may_connect(*connect)
        super().__init__((LOOPBACK, port), functools.partial(handler, directory=str(folder)))

    def may_connect(self, *origins: str) -> None:
        """Other origins that the page may call."""
        if origins:
            self.policy = f"{POLICY}; connect-src 'self' {' '.join(origins)}"

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{LOOPBACK}:{self.server_address[1]}/"

    def serve_until_stopped(self, line: str) -> None:
        """Print a line and serve; SIGTERM and Ctrl-C end it."""
        try:
            for stop in (signal.SIGTERM, signal.SIGINT):  # SIGINT too: a shell starts background jobs with it ignored
                signal.signal(stop, signal.default_int_handler)
            print(line, flush=True)
            self.serve_forever(poll_interval=0.1)
        except KeyboardInterrupt:
            print("\nstopped", flush=True)
        finally:
            self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up (tab closed, killed) is everyday life here; anything else is shown."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)

"""What clips are of and where they go: a web site with articles, and a webhook that counts each delivery by its key."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from playwright.sync_api import Page

DELIVERED_WITHIN_S = 60
ARTICLE = """<!doctype html><html lang="en"><head><title>Looms, part {number}</title>
<script>var secret = 1</script></head><body><nav>Home About</nav><article><h1>Looms, part {number}</h1>
<p>A loom holds threads while a weaver passes the shuttle. Weaving needs a loom, a shuttle and patience.</p>
<p>Threads of part {number} are wool.</p></article><footer>Imprint</footer></body></html>"""


class Hook:
    """Stays while browsers are killed. ``away``: it answers 503, as a server that is being renewed.

    ``answers`` cleared: it takes deliveries and says nothing.
    """

    def __init__(self) -> None:
        self.away = False
        self.answers = threading.Event()
        self.answers.set()
        self.fetched: Counter[str] = Counter()
        self.deliveries: Counter[str] = Counter()
        self.bodies: dict[str, dict[str, Any]] = {}
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hook.fetched[self.path] += 1
                article = ARTICLE.format(number=self.path.rpartition("/")[2])
                self._answer(503 if hook.away else 200, article, "text/html; charset=utf-8")

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                away = hook.away  # what is said of a delivery is what was done with it
                if not away:
                    hook.deliveries[self.headers["Idempotency-Key"]] += 1
                    hook.bodies[body["id"]] = body
                hook.answers.wait(DELIVERED_WITHIN_S)
                self._answer(503 if away else 200, "thanks", "text/plain")

            def _answer(self, status: int, text: str, kind: str) -> None:
                with contextlib.suppress(OSError):  # who asked is gone
                    self.send_response(status)
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(text.encode())))
                    self.end_headers()
                    self.wfile.write(text.encode())

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def article(self, number: int) -> str:
        return f"{self.url}articles/{number}"

    def asked(self, number: int) -> int:
        """How often it was asked for an article."""
        return self.fetched[f"/articles/{number}"]

    def delivered(self, page: Page, run: str) -> dict[str, Any]:
        """Wait until the clip is here. ``page``: any page of the browser, which is heard meanwhile."""
        self._wait(page, lambda: run in self.bodies)
        return self.bodies[run]

    def arrived(self, page: Page, count: int) -> list[dict[str, Any]]:
        """Wait until so many clips are here."""
        self._wait(page, lambda: len(self.bodies) >= count)
        return list(self.bodies.values())

    def _wait(self, page: Page, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DELIVERED_WITHIN_S
        while not condition():
            assert time.monotonic() < deadline, f"delivered in {DELIVERED_WITHIN_S} s: {list(self.bodies)}"
            page.wait_for_timeout(50)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

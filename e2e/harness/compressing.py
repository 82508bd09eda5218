"""A static web server as sites have it: it compresses what it sends, and counts the bytes."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import threading
from functools import cache
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TYPES = {".mjs": "text/javascript", ".wasm": "application/wasm"}


class CompressingServer:
    """Serves ``folder`` with gzip -9 to who accepts it, and again only what has changed, by its ETag.

    ``sent`` has the size of each body that went out.
    """

    def __init__(self, folder: Path) -> None:
        self.sent: list[tuple[str, int]] = []
        self._folder = folder
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)

    def __enter__(self) -> CompressingServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/"

    def _handler(self) -> type[SimpleHTTPRequestHandler]:
        sent, folder = self.sent, self._folder

        class Handler(SimpleHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = folder / self.path.partition("?")[0].lstrip("/")
                assert "gzip" in self.headers["Accept-Encoding"]
                if not path.is_file():
                    self.send_error(404)
                    return
                body = compressed(path)
                tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
                if self.headers["If-None-Match"] == tag:
                    self.send_response(304)
                    self.send_header("ETag", tag)
                    self.end_headers()
                    return
                sent.append((path.relative_to(folder).as_posix(), len(body)))
                self.send_response(200)
                self.send_header(
                    "Content-Type", TYPES.get(path.suffix) or mimetypes.guess_type(path)[0] or "text/plain"
                )
                self.send_header("Content-Encoding", "gzip")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "max-age=600")
                self.send_header("ETag", tag)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


@cache
def compressed(path: Path) -> bytes:
    return gzip.compress(path.read_bytes(), 9)

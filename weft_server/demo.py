"""The demo's web server: serves a built page folder on loopback, and plays the shop that its workflows call.

    python -m weft_server.demo --port 8765 --dir build/demo

It needs only the standard library and leaves nothing behind when it is stopped (Ctrl-C or SIGTERM). The end-to-end
tests use it as their witness: it counts every attempt and applies every effect once per ``Idempotency-Key``.

With ``--serve DB`` an engine runs beside it, to which the page hands orders over; that needs the extras server and cli.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from weft_server.shop import Shop
from weft_server.static import StaticHandler, StaticServer

if TYPE_CHECKING:
    from weft_server.demo_engine import EngineBeside

MAX_BODY_BYTES: Final = 64 * 1024


class DemoHandler(StaticHandler):
    """Files below ``/``, the shop below ``/api/``."""

    server_version = "weft-demo"
    server: DemoServer

    def do_GET(self) -> None:
        """Answer a question about the shop, or send a file."""
        if not self.host_is_ours():
            return
        path = self._path()
        if not path.startswith("/api/"):
            super().do_GET()
        elif path == "/api/effects":
            self._answer(200, self.server.shop.report())
        elif path == "/api/server":
            self._answer(200, self.server.beside_it())
        elif path == "/api/health":
            self._answer(200, {"open": True})
        else:
            self._answer(404, {"error": f"there is nothing to read at {path}"})

    def do_POST(self) -> None:
        """Ask the shop for an effect (``/api/reserve`` …) or set how reliable it is (``/api/weather``)."""
        body = self._body()
        if body is None or not self.host_is_ours():
            return
        path = self._path()
        if path == "/api/weather":
            self._answer(*self.server.shop.set_weather(body))
            return
        key = self.headers.get("Idempotency-Key", "")
        self._answer(*self.server.shop.serve(path.removeprefix("/api/"), key, body))

    def _path(self) -> str:
        return self.path.partition("?")[0]

    def _body(self) -> dict[str, Any] | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            self.close_connection = True
            self._answer(413, {"error": f"send a JSON object of at most {MAX_BODY_BYTES} bytes"})
            return None
        try:
            body = json.loads(self.rfile.read(int(length)) or b"{}")
        except ValueError:
            body = None
        if not isinstance(body, dict):
            self._answer(400, {"error": "the body is not a JSON object"})
            return None
        return body

    def _answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class DemoServer(StaticServer):
    """One folder and one shop on one loopback port. Port 0 takes a free one."""

    def __init__(
        self, port: int, folder: Path, shop: Shop, *, verbose: bool = False, connect: Sequence[str] = ()
    ) -> None:
        self.shop = shop
        self.engine: EngineBeside | None = None
        super().__init__(port, folder, verbose=verbose, connect=connect, handler=DemoHandler)

    def beside_it(self) -> dict[str, str]:
        """The server that orders can be handed to, for the page alone: no other origin may read this."""
        return {"url": self.engine.url, "token": self.engine.token} if self.engine is not None else {"url": ""}

    def run_engine(self, db: Path, apps: Sequence[str], activities: Sequence[str], port: int) -> None:
        """``OSError``, ``CommandError``: it cannot run."""
        from weft_server.demo_engine import EngineBeside, Program

        here = self.server_address[1]
        origins = [f"http://{host}:{here}" for host in ("127.0.0.1", "localhost")]
        self.engine = EngineBeside(Program(db, apps, activities), origins, self.url)
        self.engine.start(port)
        self.may_connect(self.engine.url)


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until stopped. Exit code 2: the folder or the port cannot be used."""
    options = _parser().parse_args(argv)
    if not (options.dir / "index.html").is_file():
        print(f"no index.html in {options.dir}: build the page first with `make demo-build`", file=sys.stderr)
        return 2
    shop = Shop(latency_ms=options.latency_ms, ledger=options.ledger)
    try:
        server = DemoServer(options.port, options.dir, shop, verbose=options.verbose, connect=options.connect)
    except OSError as error:
        print(f"cannot listen on port {options.port}: {error.strerror}. Choose another with --port", file=sys.stderr)
        return 2
    server.names.update(options.name)
    try:
        if options.serve is not None:
            port = options.serve_port if options.serve_port is not None else options.port and options.port + 1
            server.run_engine(options.serve, options.app, options.activities, port)
    except Exception as error:
        print(f"the engine beside the demo cannot run: {error}", file=sys.stderr)
        return 2
    beside = f", and an engine on {server.engine.url}" if server.engine is not None else ""
    server.serve_until_stopped(f"Weft demo: {server.url}{beside}  (Ctrl-C stops it)")
    if server.engine is not None:
        server.engine.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m weft_server.demo", description="Serve the built demo on loopback.")
    parser.add_argument("--port", type=int, default=8765, help="0 takes a free port (default 8765)")
    parser.add_argument("--dir", type=Path, default=Path("build/demo"), help="the built folder (default build/demo)")
    parser.add_argument("--latency-ms", type=int, default=250, help="how long the shop takes to answer (default 250)")
    parser.add_argument("--ledger", type=Path, help="keep the shop's effects in this file over restarts")
    parser.add_argument("--connect", action="append", default=[], help="another origin that the page may call")
    parser.add_argument("--serve", type=Path, metavar="DB", help="run an engine on this store, to hand orders over to")
    parser.add_argument("--serve-port", type=int, help="where it listens (default: the next port)")
    parser.add_argument("--app", action="append", default=[], help="its workflows")
    parser.add_argument("--activities", action="append", default=[], help="its activities")
    parser.add_argument("--name", action="append", default=[], help="another name of this machine that it answers to")
    parser.add_argument("--verbose", action="store_true", help="log each request")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())

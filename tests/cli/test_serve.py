"""``weft serve`` as a real process: who may speak to it, and runs that are handed off to it over HTTP."""

from __future__ import annotations

import asyncio
import http.client
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.moving import RESULT, approve, errand, seen
from tests.engine.test_placement import only
from weft_core import Device, Engine
from weft_core.errors import HandoffUnansweredError
from weft_server.http.transport import HttpTransport
from weft_server.storage.sqlite import SQLiteStorage

ROOT = Path(__file__).resolve().parent.parent.parent
TOKEN = "a token of at least some length"
ORIGIN = "https://shop.example"
GIVEN = {"Authorization": f"Bearer {TOKEN}"}


class Serve:
    """One server on one store; it comes back on the port it had."""

    def __init__(self, db: Path) -> None:
        self.db, self.port = db, 0
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> Serve:
        command = [
            sys.executable,
            "-m",
            "weft_server.cli",
            "serve",
            "--app",
            "tests.engine.moving",
            "--db",
            str(self.db),
        ]
        command += ["--port", str(self.port), "--origin", ORIGIN]
        environment = {**os.environ, "WEFT_TOKEN": TOKEN, "PYTHONPATH": f"{ROOT}:{ROOT / 'browser'}"}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert "http://" in line, line
        self.port = int(line.rsplit(":", 1)[1])
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def end(self, how: signal.Signals) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(how)
        assert process.stdout is not None
        process.stdout.close()
        return process.wait(10)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Serve]:
    serve = Serve(tmp_path / "server.db").start()
    yield serve
    serve.end(signal.SIGKILL)


def test_only_those_who_may_get_as_far_as_a_route(server: Serve) -> None:
    health = "/api/v1/health"
    assert server.ask("GET", health)[0] == 401
    assert server.ask("GET", health, Authorization="Bearer something else")[0] == 401
    assert server.ask("GET", health, **GIVEN)[0] == 200
    assert server.ask("GET", health, Host="rebound.example", **GIVEN)[0] == 421
    assert server.ask("GET", health, Origin="https://evil.example", **GIVEN)[0] == 403
    status, headers, _ = server.ask("OPTIONS", health, Origin=ORIGIN)
    assert (status, headers["access-control-allow-origin"]) == (204, ORIGIN)
    assert "access-control-allow-private-network" not in headers
    private = {"Access-Control-Request-Private-Network": "true"}
    assert server.ask("OPTIONS", health, Origin=ORIGIN, **private)[1]["access-control-allow-private-network"] == "true"
    assert (
        "access-control-allow-private-network"
        not in server.ask("OPTIONS", health, Origin="https://evil.example", **private)[1]
    )
    assert server.ask("GET", health, Origin=ORIGIN, **GIVEN)[1]["access-control-allow-origin"] == ORIGIN
    too_long = server.ask("POST", "/api/v1/handoff/import", Content_Length=str(10**9), **GIVEN)
    assert too_long[0] == 413
    status, _, body = server.ask("POST", "/api/v1/handoff/import", b"no envelope", **GIVEN)
    assert (status, json.loads(body)["error"]["code"]) == (422, "EnvelopeDamagedError")
    status, _, body = server.ask("GET", "/api/v1/runs/nobody", **GIVEN)
    assert (status, json.loads(body)["error"]["code"]) == (404, "RunNotFoundError")
    assert server.end(signal.SIGTERM) == 0


def test_a_server_that_others_can_reach_needs_a_token(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "weft_server.cli", "serve", "--app", "tests.engine.moving", "--host", "0.0.0.0"]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'browser'}"}
    environment.pop("WEFT_TOKEN", None)
    done = subprocess.run(
        [*command, "--db", str(tmp_path / "s.db")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode != 0 and "give --token" in done.stderr


async def test_G5_a_run_goes_to_a_server_that_is_killed_and_comes_back_and_finishes_there(server: Serve) -> None:
    storage = SQLiteStorage(server.db.with_name("device.db"))
    transport = HttpTransport({server.url: TOKEN})
    async with Engine(storage=storage, workflows=[errand], transport=transport) as device:
        handle = await device.start(errand, id="e/1".replace("/", " "))
        await _until(device, handle.id, "signal")
        server.end(signal.SIGKILL)
        await device.handoff(handle.id, server.url)
        while not (await device.handoff_state(handle.id))["trouble"]:
            await asyncio.sleep(0.01)
        assert (await device.describe(handle.id))["status"] == "transferring"
        server.start()
        device.wake_handoffs()
        while (await device.describe(handle.id))["status"] != "moved":
            await asyncio.sleep(0.01)
        server.end(signal.SIGKILL)
        server.start()
        assert await device.query(handle.id, seen) == 1, "its owner is asked"
        await device.take_back(handle.id)
        while (await device.describe(handle.id))["status"] != "running":
            await asyncio.sleep(0.01)
        await device.signal(handle.id, approve, "yes")
        assert await handle.result() == RESULT
        status, _, body = server.ask("GET", "/api/v1/runs/e%201", **GIVEN)
        assert (status, json.loads(body)["status"]) == (200, "moved")


async def test_a_device_hears_from_a_real_server_what_it_takes_and_whether_it_lets_it_in(server: Serve) -> None:
    storage, transport = SQLiteStorage(server.db.with_name("device.db")), HttpTransport({server.url: "wrong"})
    async with Engine(storage=storage, workflows=[only], transport=transport, device=Device(server.url)) as device:
        run = await device.start(only)
        await _trouble(device, run.id, "HTTP 401")
        assert device.server_state()["state"] == "denied"
        device.use_server(server.url, TOKEN)
        await _trouble(device, run.id, "'only'")  # the server has no such workflow
        assert device.server_state()["state"] == "online"


async def _trouble(engine: Engine, run_id: str, text: str) -> None:
    deadline = time.monotonic() + 30
    while text not in (state := await engine.handoff_state(run_id))["trouble"]:
        assert time.monotonic() < deadline, state
        await asyncio.sleep(0.01)


async def _until(engine: Engine, run_id: str, kind: str) -> None:
    deadline = time.monotonic() + 30
    while not any(wait["kind"] == kind for wait in (await engine.describe(run_id))["waiting_for"]):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def test_a_server_that_answers_with_another_address_does_not_send_the_run_or_the_token_there() -> None:
    """urllib would send the Authorization header on to wherever a redirect leads."""
    heard: list[str | None] = []

    class Elsewhere(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers["Authorization"])
            self.send_response(200)
            self.end_headers()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{other.server_port}/api/v1/handoff/import")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as first,
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as other,
    ):
        for server in (first, other):
            threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{first.server_port}"
        with pytest.raises(HandoffUnansweredError, match="HTTP 302"):
            asyncio.run(HttpTransport({url: TOKEN}).post(f"{url}/api/v1/handoff/import", b"a run"))
        for server in (first, other):
            server.shutdown()
    assert heard == []

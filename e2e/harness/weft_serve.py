"""``weft serve`` with the checkout, as a process of its own: it is killed, and comes back on the port it had."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from e2e.harness.server import die_with_the_tests, free_port

ROOT = Path(__file__).resolve().parent.parent.parent
TOKEN = "a token that only this test knows"
STOP_TIMEOUT_S = 60


class WeftServe:
    """One store. ``origin`` may call it, with TOKEN; its activities ask the shop at ``shop``. ``apps`` are further
    files with workflows."""

    def __init__(self, db: Path, origin: str, shop: str, apps: tuple[Path, ...] = ()) -> None:
        self.db, self.port, self._apps = db, free_port(), apps
        self.origin, self._shop = origin, shop
        self._process: subprocess.Popen[str] | None = None

    def start(self, die: str = "") -> WeftServe:
        """Returns when it listens. ``die``: at which commit it kills itself, see mortal.py."""
        command = [
            sys.executable,
            "-m",
            "weft_server.cli",
            "serve",
            "--app",
            str(ROOT / "e2e" / "harness" / "mortal.py"),
        ]
        command += ["--app", str(ROOT / "examples" / "checkout.py")]
        command += ["--activities", str(ROOT / "examples" / "checkout_http.py"), "--db", str(self.db)]
        command += [word for app in self._apps for word in ("--app", str(app))]
        command += ["--port", str(self.port), "--origin", self.origin]
        environment = {**self.environment, "WEFT_TOKEN": TOKEN, "WEFT_DIE": die}
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment, preexec_fn=die_with_the_tests
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert die or "http://" in line, f"weft serve did not start: {line!r}"  # it may have died before it listened
        return self

    def ensure(self) -> None:
        """Let it run, and not be about to die."""
        if self._process is None:
            self.start()

    @property
    def environment(self) -> dict[str, str]:
        """Of its processes, which compile what they import once for all of them."""
        own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        own |= {"PYTHONPYCACHEPREFIX": str(self.db.with_name("compiled"))}
        return own | {"PYTHONPATH": f"{ROOT}:{ROOT / 'browser'}", "WEFT_SHOP_URL": self._shop}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def killed(self) -> None:
        """Wait until it has killed itself."""
        process, self._process = self._process, None
        assert process is not None and process.stdout is not None
        assert process.wait(STOP_TIMEOUT_S) == -signal.SIGKILL
        process.stdout.close()

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self.killed()

    def cli(self, *arguments: str) -> str:
        """``weft ...`` on its store, from another process."""
        command = [sys.executable, "-m", "weft_server.cli", *arguments, "--db", str(self.db)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=self.environment, timeout=120)
        return done.stdout

"""The real command in a real process, in an empty folder of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from weft_core.engine import Page, StoreReader
from weft_core.errors import RunNotFoundError
from weft_server.storage.sqlite import SQLiteStorage

ROOT = Path(__file__).resolve().parents[2]
CHECKOUT = f"{ROOT / 'examples' / 'checkout.py'}:checkout"
ORDER = json.dumps({"id": "A-1", "items": [{"sku": "yarn", "quantity": 2}]})
DEADLINE_S = 30.0


class Cli:
    """Runs ``weft`` in ``folder``. Everything it started is killed at the end of the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.ledger = folder / "ledger"
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("WEFT_")},
            "WEFT_CHECKOUT_LOG": str(self.log), "WEFT_CHECKOUT_LEDGER": str(self.ledger), "COLUMNS": "200",
            "PYTHONUNBUFFERED": "1", "NO_COLOR": "1",
        }  # fmt: skip
        self.started: list[subprocess.Popen[str]] = []

    def __call__(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run to the end; ``code`` is the exit code it must have."""
        done = subprocess.run(self._command(words), cwd=self.folder, env=self.env, capture_output=True, text=True,
                              timeout=DEADLINE_S, check=False)  # fmt: skip
        assert done.returncode == code, f"weft {' '.join(words)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *words: str) -> Any:
        return json.loads(self(*words).stdout)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start in the background."""
        process = subprocess.Popen(self._command(words), cwd=self.folder, env=self.env, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
        self.started.append(process)
        return process

    def _command(self, words: tuple[str, ...]) -> list[str]:
        return [str(Path(sys.executable).with_name("weft")), *words]

    def lines(self) -> list[str]:
        """What the workflow body has written so far."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def effects(self) -> list[dict[str, Any]]:
        """What the activities have done so far."""
        return [json.loads(line) for line in self.ledger.read_text().splitlines()] if self.ledger.exists() else []

    def waits_for(self, run_id: str, name: str) -> bool:
        """Whether the store says that the run is parked at this signal."""
        waiting = self.read(lambda reader: reader.describe(run_id), {"waiting_for": []})["waiting_for"]
        return any(entry["kind"] == "signal" and entry["name"] == name for entry in waiting)

    def runs(self) -> list[dict[str, Any]]:
        """All runs in the store, newest first."""
        return self.read(lambda reader: reader.list(limit=100), Page([], None)).items

    def read(self, question: Callable[[StoreReader], Coroutine[Any, Any, Any]], otherwise: Any) -> Any:
        """Ask the store, which another process may own; ``otherwise`` if what is asked for is not there yet."""

        async def ask() -> Any:
            storage = SQLiteStorage(self.folder / "weft.db")
            try:
                return await question(StoreReader(storage))
            except RunNotFoundError:
                return otherwise
            finally:
                await storage.close()

        return asyncio.run(ask()) if (self.folder / "weft.db").exists() else otherwise


def eventually(happened: Callable[[], object], what: str, process: subprocess.Popen[str] | None = None) -> None:
    """Wait until ``happened()`` is true; fail with ``what`` after the deadline or when the process has ended."""
    end = time.monotonic() + DEADLINE_S
    while not happened():
        over = process is not None and process.poll() is not None
        assert not over or happened(), f"{what}: the process ended\n{process and process.communicate()}"
        assert time.monotonic() < end, f"{what}: not within {DEADLINE_S} s"
        time.sleep(0.02)


def kill(process: subprocess.Popen[str]) -> list[str]:
    """kill -9, and nothing gentler. Returns the lines it had said and nobody has read."""
    process.send_signal(signal.SIGKILL)
    lines = list(process.stdout or ())
    process.communicate()
    return lines


@pytest.fixture
def weft(tmp_path: Path) -> Iterator[Cli]:
    cli = Cli(tmp_path)
    yield cli
    for process in cli.started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def parked(weft: Cli) -> Iterator[subprocess.Popen[str]]:
    """A checkout that is run by another process and waits for its customer."""
    process = weft.start("run", CHECKOUT, "--input", ORDER, "--id", "order-1")
    eventually(lambda: weft.waits_for("order-1", "confirm"), "the run waits", process)
    yield process

"""The engine beside the demo's web server: orders are handed to it. It drives them in this process, on SQLite."""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weft_core import Engine
from weft_core.model.limits import DEFAULT_LIMITS
from weft_server.cli.loading import load_activities, load_definitions
from weft_server.cli.store import owned
from weft_server.http.app import application
from weft_server.http.guard import Policy
from weft_server.http.listening import listen
from weft_server.http.transport import HttpTransport

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Program:
    """What it runs, and where it keeps it."""

    db: Path
    apps: Sequence[str]
    activities: Sequence[str]


class EngineBeside:
    """In a thread of its own. Pages of ``origins`` may speak to it with ``token``, which is another at each start."""

    def __init__(self, program: Program, origins: Sequence[str], shop: str) -> None:
        self.token = secrets.token_urlsafe(24)
        self.url = ""
        self._program, self._origins = program, frozenset(origins)
        self._trouble: BaseException | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="weft engine", daemon=True)
        os.environ["WEFT_SHOP_URL"] = shop  # its activities ask for it

    def start(self, port: int) -> None:
        """Returns when it listens. ``OSError``: it cannot; ``CommandError``: its store or its program is unusable."""
        self._port = port
        self._thread.start()
        self._ready.wait()
        if isinstance(self._trouble, Exception):
            raise self._trouble
        if not self.url:  # uvicorn has said why
            raise OSError(f"cannot listen on port {port}")

    def stop(self) -> None:
        """Its runs stay at their checkpoints."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop)
            self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as trouble:
            self._trouble = trouble
        finally:
            self._ready.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopped: asyncio.Future[None] = self._loop.create_future()
        program = self._program
        workflows, _ = load_definitions(list(program.apps))
        activities = load_activities(list(program.activities))
        policy = Policy(self.token, frozenset({HOST, "localhost"}), self._origins, DEFAULT_LIMITS.max_handoff_bytes)
        async with owned(program.db, "strict") as storage:
            engine: Any = Engine(
                storage=storage, workflows=workflows, activities=activities, transport=HttpTransport(),
                close_storage=False,
            )  # fmt: skip
            async with engine:
                await listen(application(engine, policy), HOST, self._port, self._stopped, self._listens)

    def _listens(self, port: int) -> None:
        self.url = f"http://{HOST}:{port}"
        self._ready.set()

    def _stop(self) -> None:
        if not self._stopped.done():
            self._stopped.set_result(None)

"""The core runs where there are no threads, sockets, processes or files, as in Pyodide (FIELD.md, pain 22)."""

from __future__ import annotations

import subprocess
import sys

from weft_core import Context, activity, workflow

POISONED = """
import asyncio, builtins, os, socket, subprocess, threading
from weft_core.testing import TestEngine
from tests.test_pure_core import trip

def refuse(*args, **kwargs):
    raise RuntimeError("there is no such thing here")

async def main():
    threading.Thread.start = socket.socket.__init__ = subprocess.Popen.__init__ = refuse
    os.open = builtins.open = asyncio.to_thread = asyncio.run = refuse
    asyncio.get_running_loop().run_in_executor = refuse
    async with TestEngine(workflows=[trip]) as engine:
        run = await engine.start(trip, "Lucerne")
        await engine.advance_time("1 day")
        print(await run.result())

asyncio.run(main())
"""
"""The loop itself has been made, with a socket, before anything is taken away: Pyodide brings its own."""


@activity
async def book(place: str) -> str:
    return f"a room in {place}"


@workflow
async def trip(ctx: Context, place: str) -> str:
    room = await ctx.run(book, place)
    await ctx.sleep("1 day")
    return room


def test_a_run_ends_without_threads_sockets_processes_and_files() -> None:
    done = subprocess.run([sys.executable, "-c", POISONED], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("a room in Lucerne\n", 0), done.stderr

"""What a start imports, from nothing to the first step: most of the time that a page needs to open is spent on it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

START = """
import asyncio, json, sys
def ours():
    return sorted(name for name in sys.modules if name.partition(".")[0] == "weft_core")
before = set(sys.modules)
import weft_core.client.wire, weft_core.engine, weft_core.model.queues, weft_core.storage.memory
from weft_core.workflow import Context, activity, workflow
imported, others = ours(), sorted(set(sys.modules) - before - set(ours()))
@activity
async def nothing(number: int) -> int:
    return number
@workflow(name="start", version="1")
async def start(ctx: Context) -> int:
    return await ctx.run(nothing, 1)
async def main():
    engine = weft_core.engine.Engine(storage=weft_core.storage.memory.MemoryStorage(), workflows=[start])
    await engine.open()
    opened = ours()
    result = await (await engine.start(start)).result()
    await engine.close()
    return opened, result
opened, result = asyncio.run(main())
print(json.dumps({"imported": imported, "others": others, "opened": opened, "stepped": ours(), "result": result}))
"""

CEILING = 350
"""Modules of ours. Each costs a page about 0.4 ms; one that few pages need is imported where it is needed."""

NEEDLESS = {
    "weft_core.testing", "weft_core.frames.compile", "weft_core.frames.desugar", "weft_core.frames.emit",
    "weft_core.frames.cache.freeze", "weft_core.observe",
}  # fmt: skip
"""The compiler of frames is not needed where the build has compiled the workflows."""

HEAVY = {
    "argparse", "csv", "ctypes", "difflib", "doctest", "email", "html", "http", "multiprocessing", "pickle", "pydantic",
    "pydoc", "sqlite3", "ssl", "tarfile", "tomllib", "typer", "unittest", "urllib.request", "xml", "zoneinfo",
}  # fmt: skip


def test_a_start_imports_what_it_needs_and_a_first_step_nothing_more(tmp_path: Path) -> None:
    script = tmp_path / "start.py"  # functions are compiled from the text of their file
    script.write_text(START, "utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["result"] == 1
    assert len(found["imported"]) <= CEILING, (len(found["imported"]), found["imported"])
    assert not NEEDLESS & set(found["imported"])
    assert not HEAVY & set(found["others"])
    assert found["stepped"] == found["opened"], sorted(set(found["stepped"]) - set(found["opened"]))

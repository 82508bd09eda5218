"""``weft compile``, and what it is for: a program in one file without any source that survives ``kill -9``."""

from __future__ import annotations

import compileall
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Cli
from weft_core.frames.cache.stored import StoredModule

APP = """
import asyncio, json, sys
from weft_core import Context, Engine, activity, workflow
from weft_server.storage.sqlite import SQLiteStorage


@activity
async def work(number: int) -> int:
    await asyncio.sleep(0.05)
    return number


@workflow
async def adding(ctx: Context, steps: int) -> int:
    total = 0
    for number in range(steps):
        print("step", number, flush=True)
        total += await ctx.run(work, number)
    return total


async def main(db: str) -> None:
    async with Engine(storage=SQLiteStorage(db), workflows=[adding], activities=[work]) as engine:
        run = await engine.start(adding, 12, id="the-run", idempotency_key="once")
        print("result", await run.result(), sys.modules["weft_core"].__file__, flush=True)
"""
MAIN = "import asyncio, sys, app\nasyncio.run(app.main(sys.argv[1]))\n"


def test_it_writes_a_cache_beside_each_source_that_has_durable_functions(weft: Cli) -> None:
    package = weft.folder / "shop"
    (package / "parts").mkdir(parents=True)
    (package / "parts" / "app.py").write_text(APP)
    (package / "plain.py").write_text("# weft is not used here\nasync def f(): ...\n" and "x = 1\n")
    done = weft("compile", "shop", "-o", "out")
    assert "app.weft: 2 functions" in done.stdout or "app.weft: 1 function" in done.stdout, done.stdout
    assert [p.relative_to(weft.folder).as_posix() for p in (weft.folder / "out").rglob("*.*")] == ["out/parts/app.weft"]
    weft("compile", "shop/parts/app.py")
    module = StoredModule.from_bytes((package / "parts" / "app.weft").read_bytes())
    assert module is not None and module.text == APP
    assert str(weft.folder).encode() not in (package / "parts" / "app.weft").read_bytes()


@pytest.mark.parametrize("text", ["def", None])
def test_it_says_what_it_cannot_compile(weft: Cli, text: str | None) -> None:
    if text is not None:
        (weft.folder / "app.py").write_text(text)
    done = weft("compile", "app.py", code=2)
    assert "app.py" in done.stderr and ("Python source" in done.stderr or "neither" in done.stderr)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``app.pyz``: the program and all of Weft as bytecode, no source at all, and the caches of the program."""
    folder = tmp_path_factory.mktemp("bundle") / "app"
    folder.mkdir()
    (folder / "app.py").write_text(APP)
    (folder / "__main__.py").write_text(MAIN)
    for package in ("weft_core", "weft_server"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    weft_command = Path(sys.executable).with_name("weft")
    subprocess.run([weft_command, "compile", "."], cwd=folder, check=True, capture_output=True)
    assert compileall.compile_dir(folder, quiet=1, legacy=True, stripdir=str(folder))
    for source in folder.rglob("*.py"):
        source.unlink()
    made = Path(shutil.make_archive(str(folder.parent / "app"), "zip", folder))
    return made.rename(made.with_suffix(".pyz"))


def test_a_bundle_without_source_survives_kill_9(weft: Cli, bundle: Path) -> None:
    """G2: killed in the middle, started again, every step is begun once."""
    shutil.copy(bundle, weft.folder / "app.pyz")
    first = subprocess.Popen(
        [sys.executable, "app.pyz", "runs.db"], cwd=weft.folder, env=weft.env, stdout=subprocess.PIPE, text=True
    )
    weft.started.append(first)
    assert first.stdout is not None
    begun = [next(first.stdout).strip() for _ in range(5)]
    first.kill()
    begun += [line.strip() for line in first.stdout]
    shown = weft("show", "the-run", "--db", "runs.db").stdout
    assert "total += await ctx.run(work, number)" in shown, "the source beside the run is the cache's"
    again = subprocess.run(
        [sys.executable, "app.pyz", "runs.db"],
        cwd=weft.folder,
        env=weft.env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    *rest, result = again.stdout.strip().splitlines() or [again.stderr]
    assert result.startswith("result 66 "), again.stdout + again.stderr
    assert "app.pyz/weft_core/__init__.pyc" in result
    # Killed between the print and the commit that follows it, that line is written again; no other one ever is.
    again_from = rest[1:] if rest[:1] == begun[-1:] else rest
    assert begun + again_from == [f"step {n}" for n in range(12)], (begun, rest)
    assert again_from, "it was killed in the middle"
    (listed,) = json.loads(weft("ls", "--db", "runs.db", "--json").stdout)["items"]
    assert listed["status"] == "completed"


def test_a_bundle_without_source_and_without_its_cache_says_what_is_missing(weft: Cli, bundle: Path) -> None:
    folder = weft.folder / "app"
    shutil.unpack_archive(bundle, folder, "zip")
    (folder / "app.weft").unlink()
    done = subprocess.run(
        [sys.executable, folder, "runs.db"], cwd=weft.folder, capture_output=True, text=True, timeout=60
    )
    assert "SourceUnavailableError" in done.stderr
    assert "of adding (app.py:13) cannot be read; ship the .py file" in done.stderr, done.stderr
    assert "app.weft that `weft compile` makes" in done.stderr

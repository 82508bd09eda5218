"""The npm package as its users get it: the tarball of `make npm`, and apps that install it with npm."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.harness.server import die_with_the_tests

ROOT = Path(__file__).resolve().parent.parent.parent
QUIET = ("--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error")


def run(*command: str, cwd: Path) -> str:
    """A command of the shell, with ``weft`` of this environment on the PATH. Fails with what it said."""
    done = subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4_000:]}\n{done.stderr[-4_000:]}"
    return done.stdout


def environment() -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    plain = {"NO_COLOR": "1"}  # else Vite colours what it says where CI is set, also within its address
    return {**os.environ, **plain, "PATH": path, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def tool(name: str, *arguments: str, cwd: Path) -> str:
    """A pinned development tool of ``browser/``, which is installed there first if it is not."""
    found = ROOT / "browser" / "node_modules" / ".bin" / name
    if not found.exists():
        run("npm", "ci", *QUIET, cwd=ROOT / "browser")
    return run(str(found), *arguments, cwd=cwd)


def make_package(out: Path) -> Path:
    """``make npm`` into a folder; returns the tarball. The folder ``package`` beside it has the same files."""
    tool("tsc", "--version", cwd=ROOT)
    run("node", str(ROOT / "browser" / "tools" / "npm_package.mjs"), str(out), cwd=ROOT)
    (tarball,) = out.glob("*.tgz")
    return tarball


def unpack(tarball: Path, folder: Path) -> Path:
    """What a user without npm does."""
    with tarfile.open(tarball) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"


def vite_app(folder: Path, tarball: Path, workflows: Iterable[Path]) -> Path:
    """A fresh app of the template, with the package installed and its workflow files in place."""
    template = ROOT / "e2e" / "vite_app"
    shutil.copytree(template, folder, ignore=shutil.ignore_patterns("node_modules", "dist", "public"))
    (folder / "workflows").mkdir()
    for workflow in workflows:
        shutil.copyfile(workflow, folder / "workflows" / workflow.name)
    run("npm", "ci", *QUIET, cwd=folder)
    run("npm", "install", *QUIET, str(tarball), cwd=folder)
    return folder


@contextmanager
def dev_server(app: Path) -> Iterator[str]:
    """``npm run dev`` in a Vite app, until the block ends; gives the address that Vite says."""
    command = ("npm", "run", "dev", "--", "--host", "127.0.0.1")
    process = subprocess.Popen(
        command, cwd=app, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True, preexec_fn=die_with_the_tests,
    )  # fmt: skip
    assert process.stdout is not None
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if found := re.search(r"http://\S+/", line):
                yield found[0]
                return
        raise AssertionError("".join(said))
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # npm, its shell, and Vite
        process.wait()
        process.stdout.close()

"""The Pythons of this machine, as workers: each CPython that is installed, and Pyodide in node."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgpack

ROOT = Path(__file__).resolve().parents[3]
VERSIONS = ("3.11", "3.12", "3.13")


class Absent(Exception):
    """This Python is not installed here; the message says what was looked for."""


class Python:
    """A worker process. Closing its input ends it."""

    def __init__(self, label, command, **environment):
        environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        self.label = label
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env={**environ, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        )

    @functools.cached_property
    def about(self):
        """Its version, its platform and its msgpack."""
        return self.ask("hello")

    def __repr__(self):
        return self.label

    def ask(self, what, **more):
        """The worker's answer to a request."""
        self.tell(what, **more)
        return self.answer()

    def tell(self, what, **more):
        """Send a request; :meth:`answer` brings its answer. Between the two other workers can be asked."""
        self.process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker on {self.label} ended with {self.process.wait()}")
        return json.loads(line)

    def close(self):
        """End the worker and wait for it."""
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=30)


def packages(folder):
    """A folder with only msgpack in it; its pure Python works in every version."""
    target = Path(folder) / "packages"
    if not target.exists():
        shutil.copytree(Path(msgpack.__file__).parent, target / "msgpack", ignore=shutil.ignore_patterns("__pycache__"))
    return target


def cpython(version, folder, **environment):
    """A worker on that CPython. Raises Absent."""
    path = os.pathsep.join([str(ROOT), str(packages(folder))])
    settings = {"PYTHONPATH": path, "MSGPACK_PUREPYTHON": "1", **environment}
    command = [executable(version), "-W", "ignore", "-m", "tests.frames.differential.worker"]
    return Python(f"CPython {version}", command, **settings)


def executable(version):
    """The path of a CPython of this version: this one, one on the PATH, or one of pyenv's. Raises Absent."""
    if "{}.{}".format(*sys.version_info) == version:
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    name = f"python{version}"
    found = sorted(
        pyenv.glob(f"{version}.*/bin/{name}"), key=lambda p: [int(n) for n in re.findall(r"\d+", p.parts[-3])]
    )
    for candidate in [shutil.which(name), *map(str, reversed(found))]:
        # what is on the PATH may be a shim for a version that is not chosen
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:
            return candidate
    raise Absent(f"CPython {version}: no {name} on the PATH or in {pyenv.name} of pyenv")


def pyodide(folder, *module):
    """A worker in the Pyodide that the browser build uses; ``module`` answers instead of ours. Raises Absent."""
    node = shutil.which("node")
    if node is None:
        raise Absent("Pyodide: no node on the PATH (tools/ensure_node.sh)")
    if not (ROOT / "browser" / "node_modules" / "pyodide" / "pyodide.mjs").is_file():
        raise Absent("Pyodide: not in browser/node_modules (make demo-build, or npm ci in browser/)")
    command = [node, str(Path(__file__).with_name("worker.mjs")), str(ROOT), str(_wheel(folder)), *module]
    return Python("Pyodide", command)


def _wheel(folder):
    from weft_browser.ingredients import BuildError, default_cache, msgpack_wheel, source_tree

    try:
        return msgpack_wheel(default_cache(source_tree()))
    except (BuildError, OSError):
        return packages(folder)  # slower, the same bytes

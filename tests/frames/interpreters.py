"""Other Python processes: this version or one that is installed beside it, by pipe or in a real terminal."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

ROOT = Path(__file__).absolute().parents[2]


def environment(**more):
    """Our code, and the packages of this environment: those we need have a pure Python form for other versions."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "browser"), sysconfig.get_paths()["purelib"]])
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "TERM": "dumb", **more}


@cache
def pythons():
    """[(version, path)] of the Pythons found here, from 3.11 on: this one, those on the path, those of pyenv."""
    found = {sys.version_info[:2]: sys.executable}
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates = [shutil.which(f"python3.{minor}") for minor in range(11, 20)]
    candidates += [str(p) for p in sorted(pyenv.glob("3.*/bin/python"))]
    for path in filter(None, candidates):
        asked = subprocess.run([path, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True)
        if asked.returncode == 0:
            version = tuple(map(int, asked.stdout.split()))
            if version >= (3, 11):
                found.setdefault(version, path)
    return sorted(found.items())


def run_python(*arguments, python=sys.executable, input=None, cwd=ROOT, check=None, **env):
    """What it prints, errors included."""
    done = subprocess.run(
        [python, *map(str, arguments)],
        input=input,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        env=environment(**env),
        timeout=100,
    )
    if check is not None:
        assert done.returncode == check, done.stdout
    return done.stdout


def run_terminal(command, typed, **env):
    """What a program shows in a terminal in which ``typed`` is typed, line by line as it asks for more."""
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - the other process
        os.chdir(ROOT)
        os.execve(command[0], command, environment(**env))
    shown = b""
    lines = [line.encode() + b"\n" for line in typed.split("\n")]
    while True:
        ready, _, _ = select.select([terminal], [], [], 60)
        if not ready:
            break
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
        if lines and shown.rstrip(b" ").endswith((b">>>", b"...")):
            os.write(terminal, lines.pop(0))
    os.close(terminal)
    os.waitpid(pid, 0)
    return shown.decode("utf-8", "replace")

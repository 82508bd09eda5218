"""What a site is made of: the pinned Python runtime, its library and ours as packs, and wheels; cached and checked."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import weft_core

HERE = Path(__file__).resolve().parent

MSGPACK = "msgpack==1.2.4"
MSGPACK_WHEEL = "msgpack-1.2.4-cp314-cp314-pyemscripten_2026_0_wasm32.whl"
MSGPACK_SHA256 = "06a0657a4110d563255006b7cb7147432f67827144e429c2cdb1c967548d1817"
TZDATA = "tzdata==2025.2"
TZDATA_WHEEL = "tzdata-2025.2-py2.py3-none-any.whl"
TZDATA_SHA256 = "1a403fada01ff9221ca8044d701868fa132215d84beb92242d9acd2147f667a8"
PYODIDE_PLATFORM = ("--platform", "pyemscripten_2026_0_wasm32", "--python-version", "3.14", "--implementation", "cp")

DATE = (2020, 1, 1, 0, 0, 0)


ONLY_BUILD = frozenset(
    {"build.py", "extension.py", "ingredients.py", "new_extension.py", "precompile.py", "reviewable.py", "scripts.py"}
)
"""Modules of ``weft_browser`` that no page needs."""


class BuildError(Exception):
    """The site cannot be built; the message says what is missing and what to do."""


def source_tree() -> Path:
    """The folder that holds ``browser/`` and ``service_worker/``: inside the installed package, or the checkout."""
    installed = HERE / "_assets"
    tree = installed if installed.is_dir() else HERE.parent.parent
    if not (tree / "browser" / "package-lock.json").is_file():
        raise BuildError(f"{tree / 'browser' / 'package-lock.json'} is missing; install weft again")
    return tree


def default_cache(tree: Path) -> Path:
    """``build/`` of a checkout, else the user's cache folder."""
    if (tree / "pyproject.toml").is_file():
        return tree / "build" / "browser"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weft" / "browser"


# ------------------------------------------------------------------ from the package registries


def runtime(tree: Path, cache: Path) -> Path:
    """The folder of the pinned npm package ``pyodide``; npm checks it against the hashes in package-lock.json."""
    lock = tree / "browser" / "package-lock.json"
    home = cache / f"npm-{_digest(lock.read_bytes())}"
    if not home.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            half = Path(folder) / "npm"
            half.mkdir()
            for name in ("package.json", "package-lock.json"):
                shutil.copyfile(tree / "browser" / name, half / name)
            _run(_tool("npm"), "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--silent", cwd=half)
            if not home.is_dir():  # another builder may have been quicker
                half.rename(home)
    return home / "node_modules" / "pyodide"


def msgpack_wheel(cache: Path) -> Path:
    """The msgpack wheel for Pyodide, exactly the pinned bytes."""
    return _pinned(cache, MSGPACK, MSGPACK_WHEEL, MSGPACK_SHA256, PYODIDE_PLATFORM)


def tzdata_wheel(cache: Path) -> Path:
    """The time zone database, which browsers have and do not show to Python, exactly the pinned bytes."""
    return _pinned(cache, TZDATA, TZDATA_WHEEL, TZDATA_SHA256, ())


def _pinned(cache: Path, requirement: str, name: str, sha256: str, platform: tuple[str, ...]) -> Path:
    wheel = cache / name
    if not wheel.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:")
        _run(*pip, *platform, "--dest", str(cache), requirement, cwd=cache)
    if not wheel.is_file():
        raise BuildError(f"pip did not bring {name}; put that file into {cache}")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != sha256:
        raise BuildError(f"{wheel} is not the pinned file (SHA-256 {found}, expected {sha256}); delete it")
    return wheel


# ------------------------------------------------------------------ made here


def stdlib(tree: Path, cache: Path, runtime: Path) -> Path:
    """Pyodide's standard library, packed."""
    source = runtime / "python_stdlib.zip"
    made = cache / f"stdlib-{_digest(source.read_bytes(), _precompiler(tree))}.pack"
    return _precompile(tree, runtime, source, made, "stdlib")


def own(tree: Path, cache: Path, runtime: Path) -> Path:
    """``weft_core`` and ``weft_browser`` as they are installed here, packed."""
    files = _own_files()
    plain = b"".join(path.encode() + b"\0" + data for path, data in files)
    made = cache / f"weft-{_digest(plain, _precompiler(tree))}.pack"
    if not made.is_file():
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "weft.zip"
            with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
                for path, data in files:
                    archive.writestr(zipfile.ZipInfo(path, DATE), data)
            _precompile(tree, runtime, source, made, "own", msgpack_wheel(cache))
    return made


def compiled(
    tree: Path, cache: Path, runtime: Path, packages: Sequence[Path], workflows: Sequence[Path]
) -> list[tuple[Path, str]]:
    """(file, name) of the build-time caches of the workflows, for those that have durable functions. Each is kept by
    itself: what is compiled of one file does not depend on the others."""
    script = tree / "browser" / "tools" / "compile_workflows.mjs"
    common = [*(path.name.encode() for path in packages), script.read_bytes()]
    made = {path: cache / f"compiled-{_digest(path.name.encode(), path.read_bytes(), *common)}" for path in workflows}
    if missing := [path for path, folder in made.items() if not folder.is_dir()]:
        with tempfile.TemporaryDirectory(dir=cache) as out:
            names = ",".join(str(path.resolve()) for path in packages)
            files = [str(path.resolve()) for path in missing]  # node runs in another folder
            _run(_tool("node"), str(script), str(runtime.resolve()), str(Path(out).resolve()), names, *files, cwd=tree)
            for path in missing:
                _keep(Path(out), f"{path.stem}.weft", made[path])
    return sorted(
        ((path, path.name) for folder in made.values() for path in folder.iterdir()), key=lambda each: each[1]
    )


def _keep(out: Path, name: str, folder: Path) -> None:
    """Move the file, if it was made, into a folder of its own, which then is there whole."""
    half = out / f"{name}.kept"
    half.mkdir()
    if (out / name).is_file():
        (out / name).rename(half / name)
    with contextlib.suppress(OSError):  # another builder was quicker
        half.rename(folder)


def _own_files() -> list[tuple[str, bytes]]:
    roots = [Path(str(weft_core.__file__)).parent, HERE]
    return [
        (f"{root.name}/{path.relative_to(root).as_posix()}", path.read_bytes())
        for root in roots
        for path in sorted(root.rglob("*.py"))
        if "_assets" not in path.parts and not (root == HERE and path.name in ONLY_BUILD)
    ]


def _precompiler(tree: Path) -> bytes:
    return (HERE / "precompile.py").read_bytes() + (tree / "browser" / "tools" / "precompile.mjs").read_bytes()


def _precompile(tree: Path, runtime: Path, source: Path, made: Path, kind: str, *wheels: Path) -> Path:
    if not made.is_file():
        half = made.with_suffix(f".{os.getpid()}")
        script = tree / "browser" / "tools" / "precompile.mjs"
        paths = (runtime, HERE / "precompile.py", source, half)
        _run(_tool("node"), str(script), *map(str, paths), kind, *map(str, wheels), cwd=tree)
        half.replace(made)
    return made


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise BuildError(f"{name} is not on the PATH; building for browsers needs node 20 or newer with npm")
    return found


def _run(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise BuildError(f"`{' '.join(command[:4])} …` failed:\n{tail}")

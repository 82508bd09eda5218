"""The tree keeps its promises: a pure core, no hidden ways around the layers, one version, a complete wheel."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from weft_core.version import VERSION

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "weft_core"

OPERATING_SYSTEM = {
    "ctypes", "fcntl", "http", "io", "js", "multiprocessing", "os", "pathlib", "pickle", "platform", "pyodide",
    "random", "secrets", "select", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "tempfile",
    "threading", "time", "urllib", "uuid",
}  # fmt: skip
ALLOWED = {
    # The codec names these two as types of values that may be stored; it makes none and touches no disk.
    ("codec/types_stdlib.py", "pathlib"),
    ("codec/types_stdlib.py", "uuid"),
    # ctx.uuid() returns this type; its bits come from the Ids port.
    ("workflow/context/facts.py", "uuid"),
}
MAY_AWAIT = {"engine", "client", "testing"}


def python_files(*folders: Path) -> list[Path]:
    return sorted(p for folder in folders for p in folder.rglob("*.py") if "node_modules" not in p.parts)


def imports_of(path: Path) -> Iterator[tuple[str, int]]:
    """Absolute names imported anywhere in a file, inside functions and ``if TYPE_CHECKING`` too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module, node.lineno


def test_the_core_imports_nothing_of_the_operating_system() -> None:
    found = []
    for path in python_files(CORE):
        name = path.relative_to(CORE).as_posix()
        for module, line in imports_of(path):
            top = module.partition(".")[0]
            if top in OPERATING_SYSTEM and (name, top) not in ALLOWED:
                found.append(f"weft_core/{name}:{line} imports {module}")
    assert not found, "\n".join(found)


def test_only_the_shell_of_the_core_knows_asyncio() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in python_files(CORE)
        for module, line in imports_of(path)
        if module.partition(".")[0] == "asyncio" and path.relative_to(CORE).parts[0] not in MAY_AWAIT
    ]
    assert not found, f"asyncio is imported outside {sorted(MAY_AWAIT)}: {found}"


def test_no_module_of_the_core_goes_through_the_front_door() -> None:
    """``from weft_core import Engine`` inside the core would hide an import cycle from the layer contract."""
    submodules = {path.stem for path in CORE.iterdir()}
    found = []
    for path in set(python_files(CORE)) - {CORE / "__init__.py"}:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "weft_core":
                found += [f"{path}:{node.lineno} {alias.name}" for alias in node.names if alias.name not in submodules]
    assert not found, found


def test_the_edges_use_only_public_names_of_the_core() -> None:
    found = []
    for path in python_files(ROOT / "weft_server", ROOT / "browser" / "weft_browser"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("weft_core"):
                parts = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
                if any(part.startswith("_") for part in parts):
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno} imports {'.'.join(parts)}")
    assert not found, "\n".join(found)


def test_there_is_one_version_and_one_licence() -> None:
    package = json.loads((ROOT / "browser" / "package.json").read_text())
    assert importlib.metadata.version("weft-engine") == package["version"] == VERSION
    assert importlib.metadata.metadata("weft-engine")["License-Expression"] == package["license"] == "Apache-2.0"


def test_the_panel_and_the_pages_of_the_extension_have_the_colours_of_the_demo() -> None:
    """The demo's are in CSS, which is there at the first paint; the panel's in a script, as it goes into any page. An
    extension is a package of its own."""
    demo, panel, pages = (
        dict(re.findall(r"^  (--[\w-]+): (.+);$", (ROOT / name).read_text("utf-8"), re.MULTILINE))
        for name in ("browser/demo/theme.css", "browser/panel_style.mjs", "web_extension/pages/pages.css")
    )
    assert len(panel) > 15
    assert panel == {name: value for name, value in demo.items() if name not in ("--paper", "--shadow")}
    assert pages == {name: value for name, value in demo.items() if name not in ("--mono", "--shadow")}


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    machine = re.compile(rb"/(?:work|root|home/\w+)/(?:main|shared|scratch|\.pyenv|\.cache)")
    found = [name for name in tracked.split("\0") if name and machine.search((ROOT / name).read_bytes())]
    assert not found, found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = out.glob("weft_engine-*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_carries_every_module(wheel: zipfile.ZipFile) -> None:
    packages = [ROOT / "weft_core", ROOT / "weft_server", ROOT / "browser" / "weft_browser"]
    wanted = {p.relative_to(package.parent).as_posix() for package in packages for p in python_files(package)}
    names = set(wheel.namelist())
    assert wanted <= names
    assert {"weft_core/py.typed", "weft_server/py.typed", "weft_browser/py.typed"} <= names


def test_the_wheel_carries_the_javascript_and_nothing_that_was_installed_or_built(wheel: zipfile.ZipFile) -> None:
    names = wheel.namelist()
    prefix = "weft_browser/_assets/"
    wanted = [ROOT / "browser" / "package.json", ROOT / "browser" / "package-lock.json"]
    wanted += [p for folder in ("browser", "service_worker") for p in (ROOT / folder).rglob("*.mjs")]
    missing = {
        f"{prefix}{p.relative_to(ROOT).as_posix()}"
        for p in wanted
        if "node_modules" not in p.parts and f"{prefix}{p.relative_to(ROOT).as_posix()}" not in names
    }
    assert not missing
    assert not [name for name in names if "node_modules" in name or "__pycache__" in name or name.startswith("build/")]


def test_the_wheel_needs_only_msgpack() -> None:
    required = [r for r in importlib.metadata.requires("weft-engine") or [] if "extra ==" not in r]
    assert [re.split(r"[<>=~! ]", r)[0] for r in required] == ["msgpack"]

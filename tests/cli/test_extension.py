"""``weft new extension`` and ``weft extension build``, from a checkout and from an installed wheel."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Cli, weft  # noqa: F401
from weft_browser.ingredients import default_cache
from weft_browser.new_extension import new_extension

SHARED = (
    "engine/background.mjs", "engine/host.mjs", "engine/alarms.mjs", "engine/engine_page.mjs", "engine/offscreen.html",
    "engine/offscreen.mjs", "engine/senders.mjs", "engine/messages.mjs", "engine/api.mjs", "engine/asking.mjs",
    "engine/store/extension_store.mjs", "manifest.chromium.json", "icons/128.png",
)  # fmt: skip
LOADS = re.compile(r"""(?:\bfrom |\bimport |\bimport\(|\bsrc=)"(?:\./)?([\w./-]+)\"""")


def loaded_but_not_there(folder: Path) -> list[str]:
    """What the scripts and pages of a built extension load."""
    files = [path for path in folder.rglob("*.*") if folder / "weft" not in path.parents]
    pages = [path for path in files if path.suffix in (".mjs", ".html")]
    assert len(pages) > 10
    return [
        f"{path}: {name}" for path in pages for name in LOADS.findall(path.read_text("utf-8"))
        if not (path.parent / name).is_file()
    ]  # fmt: skip


def test_what_every_extension_needs_is_clip_laters_own_text_and_nothing_of_clips_is_in_it(tmp_path: Path) -> None:
    files = new_extension(tmp_path / "mine")
    assert set(SHARED) <= set(files)
    ours = ROOT / "web_extension"
    template = {path.name for path in (ROOT / "web_extension_template").iterdir()} | {"manifest.firefox.json"}
    assert [
        n for n in files if n not in template and (tmp_path / "mine" / n).read_bytes() != (ours / n).read_bytes()
    ] == []
    assert not [name for name in files if "clip" in name or name.startswith(("options", "menus", "settings"))]
    assert sorted(files) == sorted(
        p.relative_to(tmp_path / "mine").as_posix() for p in (tmp_path / "mine").rglob("*.*")
    )


def test_a_name_goes_into_each_file_as_that_file_writes_it(tmp_path: Path) -> None:
    new_extension(tmp_path / "mine", 'Bob\'s "best" <tools> & more')
    told = json.loads((tmp_path / "mine" / "manifest.json").read_text("utf-8"))
    assert told["name"] == told["action"]["default_title"] == 'Bob\'s "best" <tools> & more'
    page = (tmp_path / "mine" / "popup.html").read_text("utf-8")
    assert "<title>Bob&#x27;s &quot;best&quot; &lt;tools&gt; &amp; more</title>" in page
    ids = json.loads((tmp_path / "mine" / "manifest.firefox.json").read_text("utf-8"))["browser_specific_settings"]
    assert ids["gecko"]["id"] == "bob-s-best-tools-more@extension.example"
    assert not [path for path in (tmp_path / "mine").glob("*.*") if "@NAME@" in path.read_text("utf-8")]


def test_an_extension_is_made_built_and_packed(weft: Cli) -> None:  # noqa: F811
    assert "README.md says which are yours" in weft("new", "extension", "page-tools").stdout
    weft("extension", "build", "page-tools", "--out", "built", "--browser", "firefox", "--zip")
    built = weft.folder / "built"
    told = json.loads((built / "manifest.json").read_text("utf-8"))
    assert told["name"] == "Page tools" and "scripts" in told["background"]
    assert loaded_but_not_there(built) == []
    packed = zipfile.ZipFile(weft.folder / "page-tools-firefox-0.1.0.zip").namelist()
    assert {"hello.py", "hello.weft", "weft/worker.mjs", "weft/pyodide.asm.wasm"} <= set(packed)
    weft("extension", "build", "page-tools", "--out", "built")  # the same folder, for the other browser
    assert "service_worker" in json.loads((built / "manifest.json").read_text("utf-8"))["background"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("new", "extension", "there"), "there is there and not empty; name a new folder"),
        (("new", "extension", "mine", "--name", "x" * 76), "1 to 75 characters, not 76"),
        (("extension", "build", "there", "--out", "out"), "manifest.json is missing; `weft new extension DIR` makes"),
        (("extension", "build", "nowhere", "--out", "out"), "manifest.json is missing"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(weft: Cli, words: tuple[str, ...], said: str) -> None:  # noqa: F811
    (weft.folder / "there").mkdir()
    (weft.folder / "there" / "notes.txt").write_text("mine")
    assert said in weft(*words, code=2).stderr.replace("\n", " ")
    assert sorted(path.name for path in weft.folder.iterdir() if path.name not in ("log", "ledger")) == ["there"]


def test_an_installed_wheel_makes_and_builds_the_same(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path / "dist")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    cache = tmp_path / "cache" / "weft" / "browser"
    cache.parent.mkdir(parents=True)
    cache.symlink_to(default_cache(ROOT), target_is_directory=True)
    default_cache(ROOT).mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "installed"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    for words in (("new", "extension", "mine"), ("extension", "build", "mine", "--out", "built")):
        done = subprocess.run([sys.executable, "-m", "weft_server.cli", *words], cwd=tmp_path, env=env,
                              capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    new_extension(tmp_path / "ours" / "mine")
    for path in (tmp_path / "ours" / "mine").rglob("*.*"):
        assert (tmp_path / "mine" / path.relative_to(tmp_path / "ours" / "mine")).read_bytes() == path.read_bytes()
    assert loaded_but_not_there(tmp_path / "built") == []

"""A built extension: its manifest is what each browser wants, its zip is reproducible, and all its code is in it."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from weft_browser.extension import BROWSERS, Browser, build_extension, manifest_of, zip_extension
from weft_browser.ingredients import BuildError
from weft_browser.new_extension import new_extension
from weft_browser.reviewable import without_code_from_outside
from weft_core.version import VERSION

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "web_extension"
POLICY = "script-src 'self' 'wasm-unsafe-eval'; object-src 'self'"
ALLOWED = {"activeTab", "alarms", "contextMenus", "offscreen", "scripting", "storage", "unlimitedStorage"}
OPENINGS = {"externally_connectable", "web_accessible_resources", "content_scripts", "sandbox", "update_url", "key"}
LINT = [str(ROOT / "tools" / "web_ext.sh"), "lint", "--no-config-discovery", "--output", "json"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make extension` makes."""
    out = tmp_path_factory.mktemp("extension")
    command = [sys.executable, "-m", "weft_browser.extension", str(out), "--source", str(SOURCE)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def manifest(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "manifest.json").read_text("utf-8")))


def texts(folder: Path, suffix: str) -> dict[str, str]:
    found = {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in folder.rglob(f"*{suffix}")}
    assert found
    return found


def test_each_browser_has_a_folder_and_a_zip_of_it(built: Path) -> None:
    for browser in BROWSERS:
        archive = zipfile.ZipFile(built / f"clip-later-{browser}-{VERSION}.zip")
        there = sorted(path for path in (built / browser).rglob("*") if path.is_file())
        assert archive.namelist() == [path.relative_to(built / browser).as_posix() for path in there]
        assert archive.testzip() is None and "manifest.json" in archive.namelist()
        assert not [name for name in archive.namelist() if name == "sw.mjs" or name.startswith("manifest.f")]


def test_the_same_files_give_the_same_zip_whenever_and_wherever_they_are_zipped(built: Path, tmp_path: Path) -> None:
    first = (built / f"clip-later-firefox-{VERSION}.zip").read_bytes()
    for path in sorted((built / "firefox").rglob("*"), reverse=True):  # made in another order, at another time
        if path.is_file():
            copy = tmp_path / "copy" / path.relative_to(built / "firefox")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            copy.chmod(0o600)
    again = zip_extension(tmp_path / "copy", "firefox").read_bytes()
    assert hashlib.sha256(again).digest() == hashlib.sha256(first).digest()


@pytest.mark.parametrize("browser", BROWSERS)
def test_the_manifest_asks_for_what_is_needed_and_opens_nothing(built: Path, browser: Browser) -> None:
    told = manifest(built / browser)
    assert told["content_security_policy"] == {"extension_pages": POLICY}
    assert set(told["permissions"]) <= ALLOWED and ("offscreen" in told["permissions"]) == (browser == "chromium")
    assert not OPENINGS & set(told)
    assert told["version"] == VERSION
    named = [*told["icons"].values(), *told["action"]["default_icon"].values(), told["action"]["default_popup"]]
    named += [told["options_ui"]["page"]]
    named += told["background"].get("scripts") or [told["background"]["service_worker"]]
    assert [name for name in named if not (built / browser / name).is_file()] == []
    assert ("scripts" in told["background"]) == (browser == "firefox") == ("browser_specific_settings" in told)


@pytest.mark.parametrize("browser", BROWSERS)
def test_all_code_is_in_the_package_and_no_text_becomes_code(built: Path, browser: Browser) -> None:
    folder = built / browser
    for name, page in texts(folder, ".html").items():
        sources = re.findall(
            r"""<(?:script|link|img|iframe|embed|object)\b[^>]*?(?:src|href|data)=["']?([^"'\s>]+)""", page
        )
        assert not [
            source for source in sources if ":" in source or not (folder / name).parent.joinpath(source).is_file()
        ]
        assert not re.search(r"<script(?![^>]*\bsrc=)", page), f"{name} has a script in its text"
        assert not re.search(r"""\son\w+\s*=\s*["']""", page), f"{name} has a handler in its text"
    for name, script in texts(folder, ".mjs").items():
        code = re.sub(r"/\*[\s\S]*?\*/|(?<![:\"'])//.*", "", script) if "pyodide" not in name else script
        loaded = re.findall(r"""(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+)["']""", code)
        if name not in ("weft/pyodide.mjs", "weft/pyodide.asm.mjs"):  # these have branches for node
            missing = [module for module in loaded if not (folder / name).parent.joinpath(module).is_file()]
            assert not missing, f"{name} imports {missing}"
        assert not [module for module in loaded if re.match(r"\w+:", module) and not module.startswith("node:")], name
        assert not re.search(r"""(?<![\w.$])(?:eval\(|new Function\(|import\((?!["']))""", code), name
        assert not re.search(r"""importScripts\(["']https?:|\.src\s*=\s*["']https?:""", code), name


def test_what_was_evaluated_is_refused_as_the_browser_refuses_it() -> None:
    script = "f = (u) => import(u); g = (t) => eval(t); h = () => import('./here.mjs'); x.eval(1)"
    changed = without_code_from_outside(script)
    assert changed.count("refusedInExtension(u)") == changed.count("refusedInExtension(t)") == 1
    assert "import('./here.mjs'); x.eval(1)" in changed
    assert without_code_from_outside("medieval(1)") == "medieval(1)"


@pytest.mark.timeout(300)
def test_mozillas_linter_has_nothing_to_say_of_it_or_of_a_new_one(built: Path, tmp_path: Path) -> None:
    new_extension(tmp_path / "greeter")
    build_extension(tmp_path / "built", source=tmp_path / "greeter", browser="firefox")
    for folder in (built / "firefox", tmp_path / "built"):
        done = subprocess.run([*LINT, "--source-dir", str(folder)], capture_output=True, text=True, check=False)
        assert done.stdout.startswith("{"), done.stderr
        found = json.loads(done.stdout)
        told = [each for kind in ("errors", "warnings", "notices") for each in found[kind]]
        assert [(each["code"], each["file"], each["line"]) for each in told] == []
        assert found["metadata"]["id"] == manifest(folder)["browser_specific_settings"]["gecko"]["id"]


def test_nothing_of_an_earlier_build_or_of_anything_else_gets_into_the_package(built: Path, tmp_path: Path) -> None:
    out = tmp_path / "firefox"
    shutil.copytree(built / "firefox", out)
    (out / "removed.mjs").write_text("// the source has it no more")
    build_extension(out, source=SOURCE, browser="firefox")
    assert not (out / "removed.mjs").exists() and (out / "weft" / "client.mjs").is_file()
    with pytest.raises(BuildError, match="name a folder beside"):
        build_extension(SOURCE / "out", source=SOURCE)
    with pytest.raises(BuildError, match="not of an earlier build; name a new folder"):
        build_extension(built, source=SOURCE)


# ---------------------------------------------------------------- a manifest of one's own


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    write(folder, "manifest.json", {"manifest_version": 3, "name": "Mine", "version": "1.2", "permissions": ["alarms"]})
    write(folder, "manifest.chromium.json", {"permissions": ["offscreen"], "minimum_chrome_version": "123"})
    write(folder, "manifest.firefox.json", {"background": {"scripts": ["background.mjs"]}})
    return folder


def write(folder: Path, name: str, told: object) -> None:
    (folder / name).write_text(json.dumps(told))


def test_lists_are_joined_and_the_rest_is_set(source: Path) -> None:
    write(source, "manifest.firefox.json", {"name": "Mine for Firefox", "commands": ["go"]})
    assert manifest_of(source, "chromium") == {
        "manifest_version": 3, "name": "Mine", "version": "1.2", "permissions": ["alarms", "offscreen"],
        "minimum_chrome_version": "123",
    }  # fmt: skip
    assert manifest_of(source, "firefox")["name"] == "Mine for Firefox"
    assert manifest_of(source, "firefox")["permissions"] == ["alarms"]
    assert manifest_of(source, "firefox")["commands"] == ["go"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("manifest.json", None, "is missing; `weft new extension DIR` makes"),
        ("manifest.firefox.json", None, "manifest.firefox.json is missing"),
        ("manifest.json", '{"name": ', "is not JSON: Expecting value"),
        ("manifest.json", "[]", "is not a JSON object"),
        ("manifest.json", '{"manifest_version": 3, "version": "1"}', "has no name"),
        ("manifest.json", '{"manifest_version": 3, "name": "Mine"}', "has no version"),
        ("manifest.json", '{"manifest_version": 2, "name": "Mine", "version": "1"}', "not of manifest_version 3"),
        ("manifest.json", '{"manifest_version": 3, "name": "Mine", "version": "1.0b1"}', "has the version '1.0b1'"),
    ],
)
def test_a_manifest_that_browsers_would_refuse_is_refused_before_anything_is_built(
    source: Path, name: str, text: str | None, said: str
) -> None:
    if text is None:
        (source / name).unlink()
    else:
        (source / name).write_text(text)
    out = source.parent / "out"
    with pytest.raises(BuildError, match=re.escape(said)):
        build_extension(out, source=source, browser="firefox")
    assert not out.exists()

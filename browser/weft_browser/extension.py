"""Build a browser extension with Weft in it: a built site whose pages are the extension's, and a manifest for it.

``python -m weft_browser.extension OUT --source web_extension`` makes OUT/chromium, OUT/firefox and a zip of each.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from .build import Built, Report, build
from .ingredients import DATE, BuildError
from .reviewable import make_reviewable

Browser = Literal["chromium", "firefox"]
BROWSERS: tuple[Browser, ...] = get_args(Browser)
MANIFEST = "manifest.json"
VERSION = re.compile(r"\d{1,9}(\.\d{1,9}){0,3}")


def build_extension(
    out: Path,
    *,
    source: Path,
    browser: Browser = "chromium",
    workflows: Sequence[Path] = (),
    cache: Path | None = None,
    report: Report = lambda line: None,
) -> Built:
    """Make or renew the extension in ``out``, which a browser can load.

    ``source`` has its pages and scripts, and ``manifest.json``; ``manifest.BROWSER.json`` says what differs. Without
    ``workflows`` every Python file of ``source`` is one. Raises :class:`BuildError` with what to do.
    """
    manifest = manifest_of(source, browser)
    _clear(out, source)
    built = build(
        out, page=source, workflows=workflows or sorted(source.glob("*.py")), cache=cache, report=report,
        revise=make_reviewable,
    )  # fmt: skip
    for name in ("sw.mjs", *(f"manifest.{other}.json" for other in BROWSERS)):  # an extension serves itself
        (out / name).unlink(missing_ok=True)
    (out / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    return built


def _clear(out: Path, source: Path) -> None:
    """Of an earlier build nothing may stay, for all that lies in ``out`` is in the package."""
    if source.resolve() in (out.resolve(), *out.resolve().parents):
        raise BuildError(f"{out} lies in {source}, so the next build would pack it; name a folder beside that one")
    if (out / "weft" / MANIFEST).is_file():
        shutil.rmtree(out)
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BuildError(f"{out} is there and not of an earlier build; name a new folder")


def manifest_of(source: Path, browser: Browser) -> dict[str, Any]:
    """What all browsers are told, and what this one is told besides: lists are added to, the rest is set."""
    manifest = _read(source / MANIFEST)
    for key, value in _read(source / f"manifest.{browser}.json").items():
        manifest[key] = [*manifest.get(key, []), *value] if isinstance(value, list) else value
    for key in ("name", "version"):
        if not isinstance(manifest.get(key), str) or not manifest[key]:
            raise BuildError(f"{source / MANIFEST} has no {key}; browsers ask for one")
    if manifest.get("manifest_version") != 3:
        raise BuildError(f"{source / MANIFEST} is not of manifest_version 3, the only one that both browsers load")
    if not VERSION.fullmatch(manifest["version"]):
        raise BuildError(f"{source / MANIFEST} has the version {manifest['version']!r}; browsers want 1.2 or 1.2.3.4")
    return manifest


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BuildError(f"{path} is missing; `weft new extension DIR` makes a folder that has it") from None
    except json.JSONDecodeError as error:
        raise BuildError(f"{path} is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise BuildError(f"{path} is not a JSON object; it begins with {{ and has the manifest's keys")
    return found


def zip_extension(folder: Path, browser: Browser) -> Path:
    """Pack the built extension in ``folder`` beside it, as stores and Firefox take it: NAME-BROWSER-VERSION.zip.

    The same files give the same bytes.
    """
    manifest = _read(folder / MANIFEST)
    name = re.sub(r"[^a-z0-9]+", "-", manifest["name"].lower()).strip("-") or "extension"
    out = folder.parent / f"{name}-{browser}-{manifest['version']}.zip"
    with zipfile.ZipFile(out, "w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), DATE)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, 9)
    return out


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m weft_browser.extension", description="Build an extension for both browsers, and its zips."
    )
    parser.add_argument("out", type=Path, help="folder to make")
    parser.add_argument("--source", type=Path, required=True, metavar="DIR", help="the extension's folder")
    asked = parser.parse_args(arguments)
    try:
        for browser in BROWSERS:
            built = build_extension(asked.out / browser, source=asked.source, browser=browser)
            print(f"{built.out}: {built.files} files, {built.size / 1e6:.1f} MB")
            archive = zip_extension(built.out, browser)
            print(f"{archive}: {archive.stat().st_size / 1e6:.1f} MB")
    except BuildError as error:
        print(f"weft extension build: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

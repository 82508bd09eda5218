"""Builds of one site that follow each other, and one whose scripts speak the protocol before."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from weft_browser.build import build

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "examples"
SHOP = (EXAMPLES / "checkout.py", EXAMPLES / "checkout_browser.py")


def edition(folder: Path, name: str, workflows: Sequence[Path] = SHOP) -> Path:
    """The tests' own page, built; it has a file ``edition.txt`` that says ``name``."""
    page, out = folder / f"page-{name}", folder / f"site-{name}"
    shutil.copytree(ROOT / "e2e" / "site", page)
    shutil.copyfile(page / "test.html", page / "index.html")
    shutil.copyfile(ROOT / "browser" / "demo" / "icon.svg", page / "icon.svg")
    (page / "edition.txt").write_text(name)
    build(out, page=page, workflows=list(workflows))
    return out


def one_version_behind(site: Path) -> None:
    """Make it a build of the protocol before: its page, worker, store and service worker neither speak nor understand
    a later one."""
    path = site / "weft" / "protocol.mjs"
    text = path.read_text("utf-8")
    now = int(re.findall(r"PROTOCOL = (\d+)", text)[0])
    assert now >= 2, "there is no version before"
    text = re.sub(r"PROTOCOL = \d+", f"PROTOCOL = {now - 1}", text)
    path.write_text(re.sub(r"OLDEST = \d+", f"OLDEST = {now - 1}", text), "utf-8")
    reseal(site)


def reseal(site: Path) -> None:
    """The files were changed: have the manifest and the service worker trust them as they are."""
    path = site / "weft" / "manifest.json"
    before = path.read_bytes()
    manifest = json.loads(before)
    for asset in manifest["assets"]:
        data = (site / asset["path"]).read_bytes()
        asset |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    path.write_text(json.dumps(manifest, indent=1), "utf-8")
    worker = (site / "sw.mjs").read_text("utf-8")
    old, new = (hashlib.sha256(data).hexdigest() for data in (before, path.read_bytes()))
    assert old in worker
    (site / "sw.mjs").write_text(worker.replace(old, new), "utf-8")


def publish(site: Path, at: Path) -> None:
    """Put a build where a server serves another one. With the time of now: the server answers "not modified" by it."""
    shutil.copytree(site, at, dirs_exist_ok=True, copy_function=shutil.copyfile)

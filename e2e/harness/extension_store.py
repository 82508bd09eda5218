"""The extension with pages in it that try its two stores, and without the permission that lifts the quota."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parent.parent.parent


def build_store_extension(out: Path, source: Path, browser: Literal["chromium", "firefox"]) -> None:
    """``source``: an empty folder to put it together in. Its page is ``store.html``."""
    from weft_browser.extension import build_extension

    for folder in (ROOT / "web_extension", ROOT / "e2e" / "store_site", ROOT / "e2e" / "extension_store_site"):
        shutil.copytree(folder, source, dirs_exist_ok=True)
    manifest = json.loads((source / "manifest.json").read_text())
    manifest["permissions"].remove("unlimitedStorage")
    (source / "manifest.json").write_text(json.dumps(manifest))
    build_extension(out, source=source, browser=browser, workflows=[source / "clip.py", source / "clip_activities.py"])

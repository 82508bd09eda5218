"""Draws the app icons of the demo from its icon.svg, with a Chromium: ``python tools/app_icons.py``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

DEMO = Path(__file__).resolve().parent.parent / "browser" / "demo"
PAPER = "#3d348b"
SAFE = 0.8
"""A launcher may cut everything off a maskable icon but a circle of this share."""


def main() -> None:
    """Write icon-192.png, icon-512.png and icon-maskable-512.png."""
    drawing = (DEMO / "icon.svg").read_text("utf-8")
    with sync_playwright() as playwright:
        chromium = os.environ.get("WEFT_CHROMIUM") or shutil.which("chromium")
        page = playwright.chromium.launch(executable_path=chromium).new_page()
        for size, maskable in ((192, False), (512, False), (512, True)):
            inner = round(size * SAFE) if maskable else size
            page.set_viewport_size({"width": size, "height": size})
            style = f"margin:0;display:grid;place-items:center;block-size:{size}px;{f'background:{PAPER}' * maskable}"
            page.set_content(f'<body style="{style}">{drawing.replace("<svg", f"<svg width={inner} height={inner}")}')
            name = f"icon-{'maskable-' * maskable}{size}.png"
            page.screenshot(path=DEMO / name, omit_background=True)


if __name__ == "__main__":
    main()

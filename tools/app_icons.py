"""Draws the icons of the demo and of the extension from icon.svg, with a Chromium: ``python tools/app_icons.py``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "browser" / "demo"
EXTENSION = ROOT / "web_extension" / "icons"
PAPER = "#3d348b"
SAFE = 0.8
"""A launcher may cut everything off a maskable icon but a circle of this share."""


def main() -> None:
    """Write icon-192.png, icon-512.png and icon-maskable-512.png of the demo, 16.png to 128.png of the extension."""
    with sync_playwright() as playwright:
        chromium = os.environ.get("WEFT_CHROMIUM") or shutil.which("chromium")
        page = playwright.chromium.launch(executable_path=chromium).new_page()
        for size in (192, 512):
            draw(page, DEMO / f"icon-{size}.png", size)
        draw(page, DEMO / "icon-maskable-512.png", 512, maskable=True)
        for size in (16, 32, 48, 128):
            draw(page, EXTENSION / f"{size}.png", size)


def draw(page: Page, out: Path, size: int, *, maskable: bool = False) -> None:
    drawing = (DEMO / "icon.svg").read_text("utf-8")
    inner = round(size * SAFE) if maskable else size
    page.set_viewport_size({"width": size, "height": size})
    style = f"margin:0;display:grid;place-items:center;block-size:{size}px;{f'background:{PAPER}' * maskable}"
    page.set_content(f'<body style="{style}">{drawing.replace("<svg", f"<svg width={inner} height={inner}")}')
    page.screenshot(path=out, omit_background=True)


if __name__ == "__main__":
    main()

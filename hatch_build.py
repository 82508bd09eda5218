"""Puts the JS files into the wheel, beside the Python that builds a browser bundle from them.

In a checkout ``weft_browser.build`` finds them in ``browser/`` and ``service_worker/``; in an installed wheel it finds
the same tree under ``weft_browser/_assets/``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SUFFIXES = {".mjs", ".js", ".json", ".html", ".css", ".svg", ".png", ".webmanifest", ".ts"}
ROOTS = ("browser", "service_worker", "web_extension", "web_extension_template")
WHOLE = "web_extension_template"
"""Of this one all files, for `weft new extension`."""
LEFT_OUT = {"node_modules", "weft_browser", "dist", "__pycache__"}


class JavaScriptAssets(BuildHookInterface):  # type: ignore[type-arg,misc]
    """Adds each asset as a forced file; editable installs read the checkout and need none."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        for asset in assets(Path(self.root)):
            build_data["force_include"][str(Path(self.root) / asset)] = f"weft_browser/_assets/{asset.as_posix()}"


def assets(root: Path) -> list[Path]:
    """The asset files below ``root``, as relative paths."""
    found = []
    for top in ROOTS:
        for path in sorted((root / top).rglob("*")):
            relative = path.relative_to(root)
            wanted = path.suffix in SUFFIXES or (top == WHOLE and path.suffix in {".py", ".md"})
            if path.is_file() and wanted and not LEFT_OUT.intersection(relative.parts):
                found.append(relative)
    return found

"""A new extension with a workflow of its own: ``weft new extension DIR``.

What is to be changed comes from ``web_extension_template/``. The rest, the icons and the folder ``engine/`` that knows
nothing of clips, is that of the extension Clip later in ``web_extension/``, so there is one source of both.
"""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path

from .extension import MANIFEST
from .ingredients import BuildError, source_tree

SHARED = ("engine/**/*.mjs", "engine/*.html", "icons/*.png", "manifest.chromium.json")
NAME_LENGTH = 75
"""Chromium's limit."""


def new_extension(out: Path, name: str | None = None) -> list[str]:
    """Make the folder ``out``; returns the names of its files. Raises :class:`BuildError` with what to do.

    ``name`` is what the browser shows; without one it is made of the folder's.
    """
    shown = name or out.resolve().name.replace("-", " ").replace("_", " ").strip().capitalize()
    if not shown or len(shown) > NAME_LENGTH:
        raise BuildError(
            f"an extension's name has 1 to {NAME_LENGTH} characters, not {len(shown)}; say another with --name"
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BuildError(f"{out} is there and not empty; name a new folder")
    template, shared = source_tree() / "web_extension_template", source_tree() / "web_extension"
    own = sorted(path.name for path in template.iterdir() if path.is_file())
    common = [path.relative_to(shared).as_posix() for pattern in SHARED for path in shared.glob(pattern)]
    out.mkdir(parents=True, exist_ok=True)
    for each in own:
        (out / each).write_text(_named((template / each).read_text("utf-8"), shown, Path(each).suffix), "utf-8")
    for each in common:
        (out / each).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(shared / each, out / each)
    (out / "manifest.firefox.json").write_text(_for_firefox(shared, shown), "utf-8")
    return sorted([*own, *common, "manifest.firefox.json"])


def _named(text: str, name: str, suffix: str) -> str:
    written = {".json": json.dumps(name)[1:-1], ".html": html.escape(name)}.get(suffix, name)
    return text.replace("@NAME@", written)


def _for_firefox(shared: Path, name: str) -> str:
    """Clip later's, with an id of its own: Firefox keeps an add-on's stores under it."""
    told = json.loads((shared / f"{Path(MANIFEST).stem}.firefox.json").read_text("utf-8"))
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "extension"
    told["browser_specific_settings"]["gecko"]["id"] = f"{slug}@extension.example"
    return json.dumps(told, indent=2) + "\n"

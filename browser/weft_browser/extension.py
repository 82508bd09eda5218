"""Build a browser extension with Weft in it: a built site whose pages are the extension's, and a manifest for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from .build import Built, Report, build
from .ingredients import BuildError

BROWSERS = ("chromium", "firefox")
MANIFEST = "manifest.json"


def build_extension(
    out: Path,
    *,
    source: Path,
    browser: Literal["chromium", "firefox"] = "chromium",
    workflows: Sequence[Path] = (),
    cache: Path | None = None,
    report: Report = lambda line: None,
) -> Built:
    """Make or renew the extension in ``out``, which a browser can load.

    ``source`` has its pages and scripts, and ``manifest.json``; ``manifest.BROWSER.json`` says what differs. Without
    ``workflows`` every Python file of ``source`` is one. Raises :class:`BuildError` with what to do.
    """
    manifest = _manifest(source, browser)
    built = build(
        out, page=source, workflows=workflows or sorted(source.glob("*.py")), cache=cache, report=report,
    )  # fmt: skip
    for name in ("sw.mjs", *(f"manifest.{other}.json" for other in BROWSERS)):  # an extension serves itself
        (out / name).unlink()
    (out / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")
    return built


def _manifest(source: Path, browser: str) -> dict[str, Any]:
    """What all browsers are told, and what this one is told besides: lists are added to, the rest is set."""
    try:
        common, own = (
            json.loads((source / name).read_text("utf-8")) for name in (MANIFEST, f"manifest.{browser}.json")
        )
    except FileNotFoundError as error:
        raise BuildError(f"{error.filename} is missing; `weft new extension` makes one") from None
    except json.JSONDecodeError as error:
        raise BuildError(f"a manifest in {source} is no JSON: {error}") from None
    for key, value in own.items():
        common[key] = [*common.get(key, []), *value] if isinstance(value, list) else value
    return dict(common)

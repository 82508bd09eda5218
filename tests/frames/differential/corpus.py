"""The hand-made programs of ``tests/frames/corpus``, one per construct.

Files that end in ``.py312`` or ``.py314`` need the syntax of that version.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "corpus"


def corpus(*suffixes: str) -> dict[str, str]:
    """The programs with these suffixes (default ``.py``), by name."""
    wanted = suffixes or (".py",)
    return {p.stem: p.read_text(encoding="utf-8") for p in sorted(FOLDER.iterdir()) if p.suffix in wanted}

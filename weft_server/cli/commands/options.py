"""Options that several commands have."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

Db = Annotated[
    Path,
    typer.Option("--db", envvar="WEFT_DB", help="The store: an SQLite file.", show_default="weft.db", metavar="FILE"),
]
DEFAULT_DB = Path("weft.db")
Store = Annotated[
    Path,
    typer.Option("--storage", "--db", envvar="WEFT_DB", help="The store.", show_default="weft.db", metavar="FILE"),
]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or an unambiguous beginning or end of it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


class Durability(StrEnum):
    """strict: every step is on disk before it counts. relaxed: a power cut may lose the last moments."""

    strict = "strict"
    relaxed = "relaxed"

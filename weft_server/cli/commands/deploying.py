"""Code that changes: weft compile, weft check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weft_server.cli.commands.options import DEFAULT_DB, AsJson, Store
from weft_server.cli.failure import execute


def compile_(
    sources: Annotated[list[Path], typer.Argument(metavar="APP.PY|FOLDER...", help="What to compile.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to write; beside the sources if left out.", metavar="DIR")
    ] = None,
) -> None:
    """Compile durable functions at build time, into a .weft file for each .py file.

    With it beside the module, a program needs no source files (only .pyc files,
    say, in a zip) and starts faster. A .weft file that was made from other
    source is not used.
    """
    from weft_server.cli.compiling import compile_files

    execute(compile_files, sources, out)


def check_(
    workflows: Annotated[
        list[str],
        typer.Option(
            "--workflows", "-w", help="A file or module with the new code; may be repeated.", metavar="APP.PY"
        ),
    ],
    storage: Store = DEFAULT_DB,
    as_json: AsJson = False,
) -> None:
    """Before a deployment: could this code continue every unfinished run of the store?

    Lists them with a verdict: continues, migrates, or held, and why. Changes
    nothing, and works while another process runs the store. Exit code 0: all
    of them can go on; 1: some would be held.
    """
    from weft_server.cli.check import check

    execute(check, storage, workflows, as_json)

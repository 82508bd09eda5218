"""weft browser: the static folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weft_server.cli.failure import execute


def build_(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to make.")],
    workflow: Annotated[
        list[Path] | None,
        typer.Option("--workflow", "-w", help="A Python file to ship; may be repeated.", metavar="FILE"),
    ] = None,
    page: Annotated[
        Path | None, typer.Option("--page", "-p", help="Your page: index.html and what it needs.", metavar="DIR")
    ] = None,
    remove_service_worker: Annotated[
        bool, typer.Option("--remove-service-worker", help="Browsers that have a service worker of this site drop it.")
    ] = False,
) -> None:
    """Make a static folder with the runtime, that any web server can serve. Needs node and npm, only here."""
    from weft_server.cli.bundle import build

    execute(build, out, workflow or [], page, remove_service_worker)


def serve_(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A folder that `weft browser build` made.")],
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 8000,
    strict: Annotated[bool, typer.Option("--strict", help="With the strictest Content-Security-Policy.")] = False,
    connect: Annotated[
        list[str] | None, typer.Option(help="With --strict: another origin that the page may call.", metavar="ORIGIN")
    ] = None,
) -> None:
    """Serve a built folder on this machine: for looking at it, not for the world."""
    from weft_server.cli.bundle import serve

    raise typer.Exit(serve(out, port, strict, connect or []))

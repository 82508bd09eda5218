"""weft extension, weft new: extensions for browsers."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from weft_server.cli.failure import execute


class BrowserName(StrEnum):
    chromium = "chromium"
    firefox = "firefox"


def build_(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The extension's folder, with its manifest.json.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The folder to make, which a browser can load.", metavar="OUT")
    ],
    browser: Annotated[BrowserName, typer.Option("--browser", "-b", help="For which one.")] = BrowserName.chromium,
    zip_: Annotated[bool, typer.Option("--zip", help="Also pack it, beside OUT, for a store.")] = False,
) -> None:
    """Make an extension of DIR, with the runtime and every Python file of DIR in it. Needs node and npm, only here."""
    from weft_server.cli.bundle import build_extension

    execute(build_extension, folder, out, browser.value, zip_)


def new_(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
    name: Annotated[str | None, typer.Option("--name", "-n", help="What browsers show; else made of DIR.")] = None,
) -> None:
    """Make a folder with a small extension that runs a workflow, to be changed into yours."""
    from weft_server.cli.bundle import new_extension

    execute(new_extension, folder, name)

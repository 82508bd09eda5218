"""The ``weft`` command. Importing this is cheap; each command imports what it needs when it runs."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the console script; exits with the command's code (see ``weft_server.cli.failure``)."""
    try:
        from weft_server.cli.app import app
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in {"typer", "rich", "click"}:
            raise
        sys.exit("weft: the command line needs two more packages: pip install 'weft-engine[cli]'")
    app(prog_name="weft")

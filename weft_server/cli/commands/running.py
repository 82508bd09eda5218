"""weft run, weft serve: what drives runs."""

from __future__ import annotations

from typing import Annotated

import typer

from weft_server.cli.commands.options import DEFAULT_DB, Db, Durability, Store
from weft_server.cli.failure import execute


def run_(
    target: Annotated[
        str, typer.Argument(metavar="APP.PY:WORKFLOW", help="The file (or module) and the workflow in it.")
    ],
    input_: Annotated[
        str | None, typer.Option("--input", "-i", help="JSON: the workflow's input.", metavar="JSON")
    ] = None,
    args: Annotated[bool, typer.Option("--args", help="--input is a JSON array: one item for each input.")] = False,
    activities: Annotated[
        list[str] | None,
        typer.Option(
            "--activities", "-a", help="A file whose activities replace those of the same name.", metavar="FILE"
        ),
    ] = None,
    db: Db = DEFAULT_DB,
    id_: Annotated[str | None, typer.Option("--id", help="The run's id; continues this run if it exists.")] = None,
    new: Annotated[bool, typer.Option("--new", help="Start another run even if an equal one is unfinished.")] = False,
    durability: Annotated[Durability, typer.Option(help="What a power cut may take.")] = Durability.strict,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No events, only the result.")] = False,
) -> None:
    """Start a workflow, or continue it, and print its result as JSON.

    Kill it at any moment and type the same command again: it goes on at the
    line it waited at. An unfinished run of the same workflow with the same
    input is continued (--new starts another), and so is every other unfinished
    run in the store.
    """
    from weft_server.cli.run import Request, run

    execute(run, Request(target, input_, args, activities or [], db, id_, new, durability.value, quiet))


def serve_(
    app_files: Annotated[list[str], typer.Option("--app", help="A file (or module) with workflows.", metavar="APP.PY")],
    activities: Annotated[
        list[str] | None,
        typer.Option("--activities", "-a", help="A file whose activities replace those of the same name."),
    ] = None,
    db: Store = DEFAULT_DB,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: any that is free.")] = 8420,
    token: Annotated[
        str | None, typer.Option(envvar="WEFT_TOKEN", help="The bearer token that callers must give.")
    ] = None,
    host_name: Annotated[
        list[str] | None, typer.Option(help="A name that this server is called by, beside localhost.", metavar="NAME")
    ] = None,
    origin: Annotated[
        list[str] | None, typer.Option(help="An origin whose pages may call.", metavar="https://SHOP.EXAMPLE")
    ] = None,
    durability: Annotated[Durability, typer.Option(help="What a power cut may take.")] = Durability.strict,
) -> None:
    """Drive the runs of a store, and take in those that are handed off.

    Workflows that may come from elsewhere are those with portable=True. See
    docs/handoff.md.
    """
    from weft_server.cli.serve import Request, serve

    request = Request(
        app_files, activities or [], db, host, port, token, host_name or [], origin or [], durability.value
    )
    execute(serve, request)

"""A store as a whole: weft doctor, weft export, weft import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from weft_server.cli.commands.options import DEFAULT_DB, AsJson, Db, Store
from weft_server.cli.failure import execute


def doctor_(
    deep: Annotated[bool, typer.Option("--deep", help="Read every record and verify its checksum.")] = False,
    db: Db = DEFAULT_DB,
    as_json: AsJson = False,
) -> None:
    """Examine a store: format, owner, what is in it, and with --deep whether any record is damaged.

    Changes nothing, and works while another process runs the store. Exit code
    1: records are damaged.
    """
    from weft_server.cli.doctor import doctor

    execute(doctor, db, deep, as_json)


def export_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write.")],
    storage: Store = DEFAULT_DB,
    compress: Annotated[bool, typer.Option(help="Deflate the rows.")] = True,
    as_json: AsJson = False,
) -> None:
    """Write everything in the store into one file, as it is at this moment.

    Works while another process runs the store, and changes nothing in it.
    weft import takes the file, and so does a page: weft.import(file).
    """
    from weft_server.cli.transfer import export

    execute(export, storage, file, compress, as_json)


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What weft export, or a page, has written.")],
    storage: Store = DEFAULT_DB,
    check: Annotated[bool, typer.Option("--check", help="Only read the file to its end and verify it.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Remove all that is in the store.")] = False,
    as_new: Annotated[
        bool, typer.Option("--as-new", help="A copy that runs beside the original: with an identity of its own.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the store what an export says: all of it or nothing, wherever it is interrupted.

    The store keeps the identity of the one that was exported, so that what its
    activities have done is not done twice. Never run both: the original ends
    with its export. For a copy that runs beside it, say --as-new.
    """
    from weft_server.cli.transfer import import_

    execute(import_, storage, file, check, replace, as_new, as_json)

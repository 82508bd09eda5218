"""``weft export`` and ``weft import``: a whole store as one file, and back."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from weft_core.engine import check_export, export_store, import_store
from weft_core.ports import default_host
from weft_server.cli import screen
from weft_server.cli.failure import DONE, CommandError
from weft_server.cli.store import owned
from weft_server.storage.snapshot import SQLiteSnapshot

_READ_BYTES: Final = 256 * 1024


async def export(db: Path, file: Path, compress: bool, as_json: bool) -> int:
    """The file is there when it is whole. Works while another process runs the store."""
    if not db.is_file():
        raise CommandError(f"there is no store {str(db)!r}; --storage or WEFT_DB names one")
    snapshot = SQLiteSnapshot(db)
    beside = file.with_name(f"{file.name}.{secrets.token_hex(4)}.part")
    try:
        pieces = export_store(snapshot, now_ms=default_host().clock.now_ms(), compress=compress)
        size = await _write(beside, pieces)
        os.replace(beside, file)
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}") from None
    finally:
        snapshot.close()
        beside.unlink(missing_ok=True)
    header, trailer = await check_export(_pieces(file))
    _tell({"file": str(file), "bytes": size, "rows": trailer.rows, **header.to_json()}, as_json, "exported to")
    return DONE


async def import_(db: Path, file: Path, check: bool, replace: bool, as_new: bool, as_json: bool) -> int:
    """All of the file or nothing, wherever it is interrupted."""
    if not file.is_file():
        raise CommandError(f"there is no file {str(file)!r}")
    header, trailer = await check_export(_pieces(file))  # so that a damaged file is found before the store is touched
    if not check:
        host = default_host()
        async with owned(db, "strict") as storage:
            await import_store(
                storage, _pieces(file), name=host.ids.new_id(), now_ms=host.clock.now_ms(), replace=replace,
                as_new=host.ids.new_id() if as_new else None,
            )  # fmt: skip
    facts = {"file": str(file), "bytes": file.stat().st_size, "rows": trailer.rows, **header.to_json()}
    _tell(facts, as_json, "is whole:" if check else "imported from")
    return DONE


async def _write(path: Path, pieces: AsyncIterator[bytes]) -> int:
    size = 0
    with path.open("xb") as out:
        async for piece in pieces:
            out.write(piece)
            size += len(piece)
        out.flush()
        os.fsync(out.fileno())
    return size


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    try:
        with path.open("rb") as file:
            while piece := _read(file):
                yield piece
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from None


def _read(file: BinaryIO) -> bytes:
    return file.read(_READ_BYTES)


def _tell(facts: dict[str, Any], as_json: bool, done: str) -> None:
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
        return
    screen.err().print(
        f"{done} {facts['file']}: {facts['rows']:,} rows, {facts['bytes']:,} bytes, store {facts['store_id']}, "
        f"exported {screen.ago(facts['made_ms'])} by {facts['made_by']}",
        style="dim",
    )

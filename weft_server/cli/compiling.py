"""``weft compile``: durable functions compiled when a program is built, for where their source does not go with it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import decode_source
from pathlib import Path

from weft_core.frames.cache.freeze import compile_module
from weft_core.frames.cache.stored import SUFFIX, StoredModule
from weft_server.cli.failure import DONE, CommandError


async def compile_files(sources: list[Path], out: Path | None) -> int:
    """Write ``app.weft`` for each ``app.py`` that has durable functions, and say so, a line each."""
    wanted = list(_files(sources))
    for place, path in wanted:
        module = _compile(path)
        if not module.count:
            continue
        target = (path if out is None else out / place).with_suffix(SUFFIX)
        target.parent.mkdir(parents=True, exist_ok=True)
        before = StoredModule.from_bytes(target.read_bytes()) if target.is_file() else None
        # Built on one Python after the other, the file serves all of them.
        data = (module if before is None else module.merged(before)).to_bytes()
        target.write_bytes(data)
        print(f"{target}: {module.count} function{'s' if module.count > 1 else ''}, {len(data) / 1000:.1f} kB")
    return DONE


def _files(sources: list[Path]) -> Iterator[tuple[Path, Path]]:
    """(place below the output folder, file)"""
    for source in sources:
        if source.is_dir():
            found = sorted(p for p in source.rglob("*.py") if _mentions_weft(p))
            yield from ((path.relative_to(source), path) for path in found)
        elif source.suffix == ".py" and source.is_file():
            yield Path(source.name), source
        else:
            raise CommandError(f"{source} is neither a .py file nor a folder")


def _mentions_weft(path: Path) -> bool:
    """In a folder, only modules that use Weft: other coroutines are not durable."""
    return b"weft" in path.read_bytes()


def _compile(path: Path) -> StoredModule:
    try:
        return compile_module(decode_source(path.read_bytes()), path.name)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} is no Python source: {error}") from None

"""``weft browser``: the static folder of the browser runtime, made and looked at; ``weft extension``, ``weft new``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from weft_server.cli import screen
from weft_server.cli.failure import DONE, CommandError


async def build(out: Path, workflows: list[Path], page: Path | None, remove_service_worker: bool = False) -> int:
    """Build, and say what was made and how to look at it."""
    from weft_browser.build import build as build_site
    from weft_browser.ingredients import BuildError

    with screen.err().status("building") as progress:
        try:
            built = build_site(
                out, workflows=workflows, page=page, report=progress.update, remove_service_worker=remove_service_worker
            )
        except BuildError as error:
            raise CommandError(str(error)) from None
    print(f"{built.out}: {built.files} files, {built.size / 1e6:.1f} MB, build {built.build_id}")
    screen.err().print("any web server can serve it; on this machine: ", style="dim", end="")
    screen.err().print(f"weft browser serve {out}", style="dim", markup=False)
    return DONE


async def build_extension(source: Path, out: Path, browser: Literal["chromium", "firefox"], pack: bool) -> int:
    """Build, and say what was made and how to load it."""
    from weft_browser import extension
    from weft_browser.ingredients import BuildError

    with screen.err().status("building") as progress:
        try:
            built = extension.build_extension(out, source=source, browser=browser, report=progress.update)
            archive = extension.zip_extension(out, browser) if pack else None
        except BuildError as error:
            raise CommandError(str(error)) from None
    print(f"{built.out}: {built.files} files, {built.size / 1e6:.1f} MB, build {built.build_id}")
    if archive:
        print(f"{archive}: {archive.stat().st_size / 1e6:.1f} MB")
    screen.err().print(LOADED[browser].format(out), style="dim", markup=False)
    return DONE


LOADED = {
    "chromium": "chrome://extensions, Developer mode, Load unpacked: {}",
    "firefox": "about:debugging, This Firefox, Load Temporary Add-on: {}/manifest.json",
}


async def new_extension(folder: Path, name: str | None) -> int:
    """Make the folder, and say what to do with it."""
    from weft_browser.ingredients import BuildError
    from weft_browser.new_extension import new_extension as make

    try:
        files = make(folder, name)
    except BuildError as error:
        raise CommandError(str(error)) from None
    print(f"{folder}: {len(files)} files; README.md says which are yours")
    screen.err().print(f"weft extension build {folder} --out {folder}-built", style="dim", markup=False)
    return DONE


def serve(out: Path, port: int, strict: bool, connect: Sequence[str] = ()) -> int:
    """Serve until stopped. Exit code 2: the folder or the port cannot be used."""
    from weft_server.static import StaticServer

    if not (out / "index.html").is_file():
        screen.err().print(f"no index.html in {out}: `weft browser build {out} --page DIR` makes one", markup=False)
        return 2
    try:
        server = StaticServer(port, out, strict=strict, connect=connect)
    except OSError as error:
        screen.err().print(f"cannot listen on port {port}: {error.strerror}. Choose another with --port", markup=False)
        return 2
    server.serve_until_stopped(f"{server.url}  (Ctrl-C stops it)")
    return DONE

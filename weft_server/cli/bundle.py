"""``weft browser``: the static folder of the browser runtime, made and looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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

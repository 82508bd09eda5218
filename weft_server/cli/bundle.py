"""``weft browser build``: the static folder of the browser runtime."""

from __future__ import annotations

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
    screen.err().print(f"python3 -m http.server --directory {out} 8000", style="dim", markup=False)
    return DONE

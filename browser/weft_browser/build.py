"""Build a static site with Weft in it: ``python -m weft_browser.build OUT --workflow shop.py --page site/``.

    OUT/                the files of --page, the workflow files and what is compiled of them (name.weft)
    OUT/sw.mjs          the Service Worker, which knows the hash of the manifest
    OUT/weft/           page client, engine worker, Python, packages; manifest.json names every file with its SHA-256

Any web server can serve it, nothing is loaded from elsewhere, the same input gives the same bytes. Needs node and npm.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import ingredients, scripts
from .ingredients import BuildError

FORMAT = 1
BOOT = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "stdlib.pack", "weft.pack")
"""What a starting worker reads, besides the packages: the progress bar is the share of these bytes."""

Report = Callable[[str], None]


@dataclass(frozen=True)
class Built:
    """What :func:`build` made."""

    out: Path
    build_id: str
    files: int
    size: int


def build(
    out: Path,
    *,
    workflows: Sequence[Path] = (),
    page: Path | None = None,
    cache: Path | None = None,
    report: Report = lambda line: None,
    remove_service_worker: bool = False,
    revise: Callable[[Path], None] = lambda weft: None,
) -> Built:
    """Make or renew the site in ``out``; ``revise`` may change what is in ``out/weft`` before it is sealed.

    Raises :class:`BuildError` with what to do.
    """
    tree = ingredients.source_tree()
    store = cache or ingredients.default_cache(tree)
    out.mkdir(parents=True, exist_ok=True)
    site = _page_files(page, out) + _workflow_files(workflows)
    shutil.rmtree(out / "weft", ignore_errors=True)
    (out / "weft").mkdir()
    for source, name in site:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        if source.resolve() != (out / name).resolve():
            shutil.copyfile(source, out / name)
    report("Python runtime")
    runtime = ingredients.runtime(tree, store)
    for name in ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm"):
        shutil.copyfile(runtime / name, out / "weft" / name)
    report("standard library")
    shutil.copyfile(ingredients.stdlib(tree, store, runtime), out / "weft" / "stdlib.pack")
    report("packages")
    own = ingredients.own(tree, store, runtime)
    shutil.copyfile(own, out / "weft" / "weft.pack")
    packages = [ingredients.msgpack_wheel(store)]
    if any(names_time_zones(path.read_bytes()) for path in workflows):
        packages.append(ingredients.tzdata_wheel(store))
    for wheel in packages:
        shutil.copyfile(wheel, out / "weft" / wheel.name)
    report("workflows")
    compiled = ingredients.compiled(tree, store, runtime, [*packages, own], workflows)
    for source, name in compiled:
        shutil.copyfile(source, out / name)
    for name, text in scripts.of_site(tree).items():
        (out / "weft" / name).write_text(text, "utf-8")
    revise(out / "weft")
    built = _seal(out, [name for _, name in site + compiled], [f"weft/{wheel.name}" for wheel in packages], runtime)
    if remove_service_worker:
        text = (tree / "service_worker" / "sw_remove.mjs").read_text("utf-8")
        (out / "sw.mjs").write_text(scripts.in_one_folder(text, "./weft/"), "utf-8")
    return built


def names_time_zones(source: bytes) -> bool:
    """A time zone in a checkpoint or of a schedule needs its database."""
    return b"zoneinfo" in source or (b"schedule(" in source and b"timezone" in source)


def _page_files(page: Path | None, out: Path) -> list[tuple[Path, str]]:
    """The page may be ``out`` itself, what a bundler has made: then what an earlier build left there is made anew."""
    if page is None:
        return []
    if not page.is_dir():
        raise BuildError(f"--page {page} is not a folder; name the folder that holds index.html")
    in_place = page.resolve() == out.resolve()
    found = []
    for path in sorted(page.rglob("*")):
        relative = path.relative_to(page)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
        if path.is_file() and not hidden and (in_place or out not in path.parents):
            found.append((path, relative.as_posix()))
    taken = [name for _, name in found if name == "sw.mjs" or name.startswith("weft/")]
    if in_place:
        return [file for file in found if file[1] not in taken]
    if taken:
        raise BuildError(f"--page {page} has {taken[0]}, a name that the build needs; rename it")
    return found


def _workflow_files(workflows: Sequence[Path]) -> list[tuple[Path, str]]:
    for path in workflows:
        if not path.is_file():
            raise BuildError(f"--workflow {path} does not exist")
        if path.suffix != ".py" or not path.stem.isidentifier():
            raise BuildError(f"--workflow {path} cannot be imported: its name must be a Python name ending in .py")
    return [(path, path.name) for path in workflows]


def _seal(out: Path, site: list[str], packages: list[str], runtime: Path) -> Built:
    """Write the manifest, and the Service Worker that trusts exactly this manifest."""
    boot = {f"weft/{name}" for name in BOOT} | set(packages)
    names = sorted(set(site) | {f"weft/{path.name}" for path in (out / "weft").iterdir()})

    def asset(name: str) -> dict[str, object]:
        data = (out / name).read_bytes()
        return {"path": name, "size": len(data), "sha256": _sha256(data), "boot": name in boot}

    assets = [asset(name) for name in names]
    lock = {"info": json.loads((runtime / "pyodide-lock.json").read_text("utf-8"))["info"], "packages": {}}
    build_id = _sha256(json.dumps([FORMAT, packages, assets]).encode())[:16]
    told = out / "weft" / "build.mjs"  # the page's way to know it
    told.write_text(told.read_text("utf-8").replace("@WEFT_BUILD@", build_id), "utf-8")
    assets[names.index("weft/build.mjs")] = asset("weft/build.mjs")
    manifest = {"format": FORMAT, "build": build_id, "lock": lock, "packages": packages, "assets": assets}
    data = json.dumps(manifest, indent=1).encode()
    (out / "weft" / "manifest.json").write_bytes(data)
    worker = (ingredients.source_tree() / "service_worker" / "sw.mjs").read_text("utf-8")
    for here, there in (("@WEFT_BUILD@", build_id), ("@WEFT_MANIFEST_SHA256@", _sha256(data))):
        if here not in worker:
            raise BuildError(f"service_worker/sw.mjs has no {here!r}; it does not fit this builder")
        worker = worker.replace(here, there)
    (out / "sw.mjs").write_text(scripts.in_one_folder(worker, "./weft/"), "utf-8")
    return Built(out, build_id, len(assets) + 2, sum(int(str(asset["size"])) for asset in assets))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m weft_browser.build", description="Build a static site with Weft.")
    parser.add_argument("out", type=Path, help="folder to make; any web server can serve it")
    parser.add_argument(
        "--workflow", type=Path, action="append", default=[], metavar="FILE", help="Python file to ship"
    )
    parser.add_argument("--page", type=Path, metavar="DIR", help="your page: index.html and what it needs")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="where downloads and bytecode are kept")
    parser.add_argument(
        "--remove-service-worker", action="store_true", help="browsers that have a service worker of this site drop it"
    )
    asked = parser.parse_args(arguments)
    try:
        built = build(
            asked.out, workflows=asked.workflow, page=asked.page, cache=asked.cache, report=print,
            remove_service_worker=asked.remove_service_worker,
        )  # fmt: skip
    except BuildError as error:
        print(f"weft browser build: {error}", file=sys.stderr)
        return 1
    print(f"{built.out}: build {built.build_id}, {built.files} files, {built.size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A built site: the same input gives the same bytes, its manifest names all, and what cannot be shipped is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from weft_browser.build import Built, build
from weft_browser.ingredients import BuildError

ROOT = Path(__file__).resolve().parent.parent
WORKFLOW = ROOT / "examples" / "checkout.py"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The demo."""
    out = tmp_path_factory.mktemp("site") / "one"
    return build(out, page=ROOT / "browser" / "demo", workflows=[WORKFLOW])


def test_the_same_input_gives_the_same_bytes(one: Built, tmp_path: Path) -> None:
    """Also without the cache, so the bytecode itself is reproducible."""
    cache = tmp_path / "cache"
    made_here = shutil.ignore_patterns("stdlib-*", "weft-*", "compiled-*")
    shutil.copytree(ROOT / "build" / "browser", cache, ignore=made_here)
    two = build(tmp_path / "two", page=ROOT / "browser" / "demo", workflows=[WORKFLOW], cache=cache)
    assert one.build_id == two.build_id
    files = [path.relative_to(one.out) for path in sorted(one.out.rglob("*")) if path.is_file()]
    assert files == [path.relative_to(two.out) for path in sorted(two.out.rglob("*")) if path.is_file()]
    for path in files:
        assert (one.out / path).read_bytes() == (two.out / path).read_bytes(), path


def test_the_manifest_names_every_file_of_the_site(one: Built) -> None:
    site = one.out
    manifest = json.loads((site / "weft" / "manifest.json").read_text())
    listed = {asset["path"] for asset in manifest["assets"]}
    there = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    assert there - listed == {"sw.mjs", "weft/manifest.json"}
    assert not listed - there


def test_the_builder_refuses_what_it_cannot_ship(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"2-shop\.py cannot be imported"):
        (tmp_path / "2-shop.py").write_text("")
        build(tmp_path / "out", workflows=[tmp_path / "2-shop.py"])
    with pytest.raises(BuildError, match=r"nothing\.py does not exist"):
        build(tmp_path / "out", workflows=[tmp_path / "nothing.py"])
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "sw.mjs").write_text("")
    with pytest.raises(BuildError, match=r"sw\.mjs, a name that the build needs"):
        build(tmp_path / "out", page=tmp_path / "page")

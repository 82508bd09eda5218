"""The documents tell the truth as far as a program can check it."""

from __future__ import annotations

import builtins
import re
from pathlib import Path

import pytest

from weft_core import load_source
from weft_core.frames.listing import listing

ROOT = Path(__file__).resolve().parent.parent
PAGES = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "ARCHITECTURE.md"]


def all_tests() -> set[str]:
    sources = [p for folder in ("tests", "e2e", "weft_core/testing/contract") for p in (ROOT / folder).rglob("*.py")]
    return {name for path in sources for name in re.findall(r"def (test_\w+)\(", path.read_text("utf-8"))}


def test_every_test_that_the_guarantees_name_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / "guarantees.md").read_text("utf-8")))
    there = all_tests()
    assert len(named) > 20
    assert named <= there, sorted(named - there)


def test_all_twenty_guarantees_are_listed() -> None:
    text = (ROOT / "docs" / "guarantees.md").read_text("utf-8")
    assert re.findall(r"^\| \*\*(G\d+)\*\* \|", text, re.MULTILINE) == [f"G{n}" for n in range(1, 21)]


def test_readme_and_guarantees_say_the_same_of_durability() -> None:
    def table(page: Path) -> list[str]:
        return [line for line in page.read_text("utf-8").splitlines() if "power loss" in line or "evict" in line]

    readme, full = (table(ROOT / "README.md"), table(ROOT / "docs" / "guarantees.md"))
    assert {line for line in readme if line.startswith("|")} <= set(full)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_and_link_in_a_page_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    links = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    paths = re.findall(
        r"`((?:weft_core|weft_server|browser|docs|tests|e2e|examples|machine|engine|frames)/[\w./]*)`", text
    )
    roots = (page.parent, ROOT, ROOT / "weft_core")
    missing = [name for name in links + paths if not any((root / name).exists() for root in roots)]
    assert not missing, missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_error_a_page_names_exists(page: Path) -> None:
    from weft_core import errors

    for name in re.findall(r"`(\w+Error)`", page.read_text("utf-8")):
        assert hasattr(errors, name) or hasattr(builtins, name), f"{page.name} names {name}"


def test_the_page_on_errors_has_a_row_for_every_error() -> None:
    """tests/test_errors.py compares status, facts and remedies too."""
    from weft_core.errors import public_errors

    rows = set(re.findall(r"^\| `(\w+)` \| \d+ \|", (ROOT / "docs" / "errors.md").read_text("utf-8"), re.MULTILINE))
    ours = {code for code, cls in public_errors().items() if cls.__module__.startswith("weft_")}
    assert rows == ours, f"rows and errors differ in {rows ^ ours}"


def test_the_two_variants_that_the_page_on_frames_shows_are_what_is_made() -> None:
    text = (ROOT / "docs" / "frames.md").read_text("utf-8")
    page = text[text.index("### Two variants") : text.index("### From source to code")]
    author, *made = re.findall(r"\n\n((?:    .*\n)+)", page)
    body = "    paid = 0\n" + author + "    return paid\n"
    shop = load_source("page_shop", f"import weft_core\n@weft_core.durable\nasync def total(ctx, orders):\n{body}")
    shown = [line.strip() for line in listing(shop.total).splitlines()]
    lines = [line.strip() for block in made for line in block.splitlines()]
    assert len(lines) > 6
    assert [line for line in lines if line not in shown] == []


def test_the_readme_leads_to_every_page() -> None:
    linked = set(re.findall(r"\]\(docs/([\w-]+\.md)\)", (ROOT / "README.md").read_text("utf-8")))
    assert linked == {page.name for page in (ROOT / "docs").glob("*.md")}


def test_what_the_architecture_names_is_there() -> None:
    from weft_core.model import keys

    kinds = set(re.findall(r"\b([a-z-]+)/", keys.__doc__ or ""))
    named = re.findall(r"`([a-z_]+/[a-z_/]*(?:\.(?:py|mjs))?)`", (ROOT / "ARCHITECTURE.md").read_text())
    homes = [ROOT, ROOT / "weft_core", ROOT / "weft_core" / "frames", ROOT / "browser"]
    gone = [
        name
        for name in named
        if name.rstrip("/") not in kinds and not any((home / name).exists() for home in homes)
    ]  # fmt: skip
    assert not gone, gone
    assert len(named) > 20

"""What a page or worker of a built site loads, it asks for at once."""

from __future__ import annotations

import pytest

from weft_browser.ingredients import source_tree
from weft_browser.scripts import ENTRIES, imports_of, of_site

SITE = of_site(source_tree())


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_imports_itself_what_its_imports_import(entry: str) -> None:
    direct = imports_of(SITE[entry])
    reached = list(direct)
    for module in reached:
        reached += [found for found in imports_of(SITE[module]) if found not in reached]
    assert set(direct) == set(reached) - {entry}
    assert len(direct) == len(set(direct)), "each once"


def test_what_an_entry_imported_itself_still_runs_first_and_in_its_order() -> None:
    own = imports_of((source_tree() / "browser" / "worker.mjs").read_text("utf-8"))
    assert len(own) > 5 and imports_of(SITE["worker.mjs"])[: len(own)] == own


def test_every_import_of_the_site_is_there() -> None:
    assert "idb_store.mjs" in SITE and "sw.mjs" not in SITE
    imported = {module for text in SITE.values() for module in imports_of(text)}
    assert imported - set(SITE) == {"pyodide.mjs", "pyodide.asm.mjs"}, "these two are put beside them"
    assert not [name for name, text in SITE.items() if 'from "../' in text]

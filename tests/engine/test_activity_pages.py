"""The blocks of the pages on activities and interceptors are run, as one module each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from weft_core import load_source

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("page", ["activities", "interceptors"])
async def test_the_blocks_of_a_page_do_what_it_says(page: str) -> None:
    text = (DOCS / f"{page}.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    module = load_source(f"page_on_{page}", "\n\n".join(blocks))
    await module.demo()

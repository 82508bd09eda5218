"""The programs in the pages print what the pages say."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize(
    ("page", "printed"),
    [
        ("retention.md", ["['order-1']", "[]"]),
        ("runs.md", ["pending", "suspended", "book is paid", "RunTimedOutError"]),
        ("children.md", ["ValueError", "[7, 7, 5]", "6"]),
        ("sagas.md", ["undo hotel-1", "undo flight-1", "no cars left", "nobody answered"]),
        ("locks.md", ["['completed', 'completed', 'running']", "[1, 2, 3]"]),
        (
            "search.md",
            [
                "['order-3', 'order-0']",
                "1",
                "[{'key': 'Basel', 'count': 2}, {'key': 'Bern', 'count': 1}]",
                "['order-2']",
            ],
        ),
        ("repair.md", ["failed", "[1, 0]", "7 paid", "7 paid"]),
        ("bulk.md", ["3", "3 {}", "[('ann', 'cancel', 3)]"]),
    ],
)
def test_the_program_of_a_page_prints_what_the_page_says(page: str, printed: list[str], tmp_path: Path) -> None:
    text = (DOCS / page).read_text("utf-8")
    blocks = re.findall(r"\n\n((?:(?:    .*)?\n)+)", text) + re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (program,) = [block for block in blocks if "import asyncio" in block]
    for line in printed:
        assert f"`{line}`" in text
    script = tmp_path / "page.py"
    script.write_text(textwrap.dedent(program))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == printed

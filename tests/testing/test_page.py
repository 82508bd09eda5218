"""Every block of docs/testing.md is run, as the files that it names."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "testing.md"
ASYNC = """
import asyncio, inspect, pytest

@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        names = pyfuncitem._fixtureinfo.argnames
        asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
        return True
"""


def test_every_block_of_the_page_is_what_a_users_tests_may_be(pytester: pytest.Pytester) -> None:
    files: defaultdict[str, str] = defaultdict(str)
    for text in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL):
        name = re.match(r"# (\w+)\.py\n", text)
        assert name, f"this block does not say its file name: {text[:60]}"
        files[name[1]] += text
    pytester.makepyfile(**files)
    pytester.makeconftest(ASYNC)
    result = pytester.runpytest_subprocess("-p", "no:weft", "-p", "weft_core.testing.plugin", "--strict-markers")
    result.assert_outcomes(passed=sum(text.count("def test_") for text in files.values()) + 2)  # one has three seeds

"""The pytest plugin, as a user has it: pytest in another process, in a folder of the user's own."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[2]

SHOP = """
import pytest
from weft_core import Context, RetryPolicy, activity, signal, workflow

approval = signal("approval")

@activity
async def charge(order: str, amount: int) -> str:
    return f"charged {amount} for {order}"

@activity(retry=RetryPolicy(max_attempts=1))
async def ring(door: str) -> str:
    return door

@workflow
async def checkout(ctx: Context, order: str) -> str:
    paid = await ctx.run(charge, order, 30)
    await ctx.wait_for_signal(approval)
    await ctx.sleep("30 days")
    return paid

@workflow
async def doorbell(ctx: Context) -> str:
    return await ctx.run(ring, "front")
"""
PASSING = """
import pytest
from shop import approval, charge, checkout

@pytest.mark.weft(workflows=[checkout])
async def test_by_marker(weft_engine, weft_store):
    charging = weft_engine.mock(charge).returns("mocked")
    handle = await weft_engine.start(checkout, "o1", id="order-1")
    await handle.signal(approval)
    assert await weft_engine.run_to_end(handle) == "mocked"
    assert charging.call_count == 1
    assert await weft_store.has("run/order-1")

class TestInAClass:
    @pytest.mark.parametrize("order", ["o1", "o2"])
    async def test_by_register(self, weft_engine, order):
        weft_engine.register(checkout)
        handle = await weft_engine.start(checkout, order)
        await weft_engine.crash_and_recover()
        await handle.signal(approval)
        assert await weft_engine.run_to_end(handle) == f"charged 30 for {order}"

def test_crashes(weft_survives):
    report = weft_survives(checkout, "o1", drive=[(approval, None)])
    assert report.crashes == 2 * report.writes > 10

def test_that_has_nothing_to_do_with_weft():
    pass
"""
FAILING = """
import pytest
from shop import checkout, doorbell

def test_crashes(weft_survives):
    weft_survives(doorbell)

@pytest.mark.weft(workflows=[checkout])
async def test_result(weft_engine):
    assert (await weft_engine.run(checkout, "o1")) == "never"

def test_in_no_loop(weft_engine):
    pass
"""
LOOPS = """
import asyncio, inspect, pytest

@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        names = pyfuncitem._fixtureinfo.argnames
        with asyncio.Runner() as runner:
            runner.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
        print("the loop of another plugin")
        return True
"""
INI = """
[pytest]
addopts = --strict-markers --strict-config
filterwarnings = error
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """A user's folder, which has its own pytest.ini and the plugin loaded by hand: it may be installed, or not."""
    pytester.makeini(INI)
    pytester.makepyfile(shop=SHOP)
    return pytester


def run(project: pytest.Pytester, *args: str) -> pytest.RunResult:
    return project.runpytest_subprocess("-p", "no:weft", "-p", "weft_core.testing.plugin", *args)


def test_a_users_tests_pass_with_no_plugin_that_runs_async_tests(project: pytest.Pytester) -> None:
    project.makepyfile(test_shop=PASSING)
    run(project).assert_outcomes(passed=5)


def test_a_users_tests_pass_beside_a_plugin_that_runs_async_tests(project: pytest.Pytester) -> None:
    project.makepyfile(test_shop=PASSING)
    project.makeconftest(LOOPS)
    result = run(project, "-rP")
    result.assert_outcomes(passed=5)
    assert result.stdout.str().count("the loop of another plugin") == 3


def test_a_users_failing_test_says_what_is_wrong(project: pytest.Pytester) -> None:
    project.makepyfile(test_shop=FAILING)
    result = run(project)
    result.assert_outcomes(failed=2, errors=1)
    told = result.stdout.str()
    result.stdout.fnmatch_lines(["*DidNotSurvive: workflow doorbell does not survive a crash after write *"])
    result.stdout.fnmatch_lines(["*expected: completed with 'front'*"])
    result.stdout.fnmatch_lines(["*repeat this crash alone: assert_survives_every_crash(..., crash_at=(*"])
    result.stdout.fnmatch_lines(["*RunStuckError: run * waits for signal 'approval'*"])
    result.stdout.fnmatch_lines(["*weft_engine lives in the event loop of its test: write `async def`*"])
    assert "weft_core/testing/survival.py" not in told  # the user's line is shown, and not ours


def test_async_tests_that_use_no_fixture_of_ours_are_left_to_others(project: pytest.Pytester) -> None:
    project.makepyfile(test_other="async def test_other(): pass")
    result = run(project)
    assert result.parseoutcomes().get("passed") is None


def test_a_store_of_the_users_own_is_the_engines(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_own="""
        import pytest
        from weft_core.storage import MemoryStorage
        from weft_core.testing import FailingStorage

        @pytest.fixture
        def weft_store():
            return FailingStorage(MemoryStorage())

        async def test_own_store(weft_engine, weft_store):
            assert weft_engine.storage is weft_store and weft_store.writes > 0
        """
    )
    run(project).assert_outcomes(passed=1)


def test_the_plugin_is_an_entry_point_and_the_kit_needs_no_pytest() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"weft": "weft_core.testing.plugin"}
    script = "import sys, weft_core.testing; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0

"""The pytest plugin: fixtures ``weft_engine``, ``weft_store``, ``weft_survives``. Only this module imports pytest."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from weft_core.ports import Storage
from weft_core.storage import MemoryStorage
from weft_core.testing.engine import TestEngine
from weft_core.testing.survival import SurvivalReport, assert_survives_every_crash

_MARKER = "weft(workflows=[...], activities=[...], **options): options of the TestEngine in the fixture weft_engine"
_FIXTURES = {"weft_engine", "weft_store", "weft_survives"}
AsyncTest = Callable[..., Coroutine[Any, Any, object]]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def weft_store() -> Storage:
    """The store of ``weft_engine``: empty, in memory. Override it to test on another."""
    return MemoryStorage()


@pytest.fixture
def weft_engine(request: pytest.FixtureRequest, weft_store: Storage) -> TestEngine:
    """A TestEngine that is open while the test runs, in the test's own event loop, and closed after it.

    ``@pytest.mark.weft(workflows=[checkout])`` says what it knows; ``weft_engine.register(checkout)`` adds to it.
    """
    test = request.node.obj
    if not inspect.iscoroutinefunction(test):
        pytest.fail("weft_engine lives in the event loop of its test: write `async def`, or use weft_survives", False)
    options: dict[str, Any] = {}
    for mark in reversed(list(request.node.iter_markers("weft"))):
        options.update(mark.kwargs)
    engine = TestEngine(storage=weft_store, **options)
    request.node.obj = _while_open(engine, test)
    return engine


@pytest.fixture
def weft_survives() -> Callable[..., SurvivalReport]:
    """``assert_survives_every_crash`` for a test that is an ordinary function."""

    def survives(*args: Any, **options: Any) -> SurvivalReport:
        __tracebackhide__ = True
        return asyncio.run(assert_survives_every_crash(*args, **options))

    return survives


def _while_open(engine: TestEngine, test: AsyncTest) -> AsyncTest:
    @functools.wraps(test)
    async def run(*args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        async with engine:
            await test(*args, **kwargs)

    return run


@pytest.hookimpl
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an ``async def`` test that uses one of the fixtures. Plugins whose trade this is come before, and are asked
    first."""
    if not _FIXTURES & set(pyfuncitem.fixturenames) or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(pyfuncitem.obj(**arguments))
    return True

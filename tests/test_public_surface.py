"""The public surface is a list. Adding to it is a decision, and taking from it breaks somebody."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from weft_core.errors import public_errors

SURFACE = {
    "weft_core": """
        Event EventPage EventTail error_from_json parse_event
        Activity ActivityInfo Aggregate BlobRef BulkPlan BulkResult CancelCall Concurrency Context Device Done Engine
        Interceptor Limits NotDone OperationCall
        Page QueryCall Queue Retention RetryLater RetryPolicy ReviewDecision RunCancelled Schedule ScheduleHandle
        SignalCall StartCall StateValue StoredRun StreamItem StreamPage StreamRef
        Unknown UpdateCall UpdateState VERSION WeftError Workflow
        WorkflowHandle activity activity_info assert_durable_storage_for_recovery durable is_weft_error
        is_weft_error_like load_source query queue schedule search_attribute signal update workflow
    """,
    "weft_core.storage": """
        CompressedStorage MemoryStorage ScopedStorage check_bounds check_key check_ops check_value encode_text
        prefix_end
    """,
    "weft_core.testing": """
        Chaos ChaosFunction CrashingStorage DidNotSurvive FailingStorage MockCall MockHandle SimulatedCrash
        StorageContract SurvivalReport TestEngine VirtualClock assert_survives_every_crash run_contract virtual_host
        with_chaos
    """,
    "weft_core.observe": "Aggregate Page StoreReader Verdict check_runs examine jsonable",
    "weft_core.client": """
        Dispatcher LocalClient leave_cancel leave_order leave_purge leave_review leave_schedule leave_signal leave_start
        leave_to_schedule
    """,
}
OPTIONAL = {"typer", "rich", "pytest", "hypothesis", "sqlite3", "weft_server", "weft_browser"}


@pytest.mark.parametrize("module", SURFACE)
def test_a_module_offers_exactly_these_names(module: str) -> None:
    assert sorted(importlib.import_module(module).__all__) == sorted(SURFACE[module].split())


@pytest.mark.parametrize("module", SURFACE)
def test_every_public_name_is_there_and_says_what_it_is(module: str) -> None:
    namespace = importlib.import_module(module)
    for name in namespace.__all__:
        value = getattr(namespace, name)
        assert name == "VERSION" or (value.__doc__ or "").strip(), f"{module}.{name} has no docstring"


def test_importing_the_core_loads_nothing_optional() -> None:
    script = f"import sys, weft_core; sys.exit(' '.join({OPTIONAL!r} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"import weft_core loads {done.stderr}"


def test_importing_the_core_compiles_no_durable_function() -> None:
    """A page that comes with a build-time cache never loads the compiler: the core must not need it either."""
    script = "import sys, weft_core, weft_core.client; sys.exit('weft_core.frames.compile' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_error_is_called_by_its_code_and_survives_the_wire() -> None:
    for code, cls in public_errors().items():
        error = cls("what happened")
        assert error.code == code
        assert error.to_json()["code"] == code
        assert error.to_json()["message"] == str(error) == "what happened", code

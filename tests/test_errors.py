"""The tree of errors, its page, its statuses and its way over the wire.

Fault 16 of the original: codes in no export or union (WorkflowSuspendNotSupportedError, BranchTopologyChangedError).
"""

from __future__ import annotations

import ast
import asyncio
import json
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import weft_core.testing  # so that every module that may define an error is loaded
from tests.engine import shop
from weft_core import errors
from weft_core.errors import (
    ActivityTimeoutError,
    Evict,
    InvalidInputError,
    LimitExceededError,
    RunCancelled,
    RunFailedError,
    RunNotFoundError,
    StorageUnavailableError,
    WeftError,
    error_from_json,
    is_weft_error,
    is_weft_error_like,
    public_errors,
)  # fmt: skip
from weft_core.machine import failure
from weft_core.model.failures import failure_category
from weft_core.model.http import STATUS, http_error, http_status, is_retryable
from weft_core.testing import TestEngine

ROOT = Path(__file__).resolve().parent.parent
OURS = {code: cls for code, cls in public_errors().items() if cls.__module__.startswith("weft_")}
SOURCES = [p for folder in ("weft_core", "weft_server", "browser/weft_browser") for p in (ROOT / folder).rglob("*.py")]


def table() -> dict[str, tuple[int, bool, set[str]]]:
    """code -> (status, retryable, facts) as docs/errors.md has them."""
    text = (ROOT / "docs" / "errors.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (yes|no) \| (.*?) \| (.+?) \|$", text, re.MULTILINE)
    found = {code: (int(http), retry == "yes", set(re.findall(r"`(\w+)`", f))) for code, http, retry, f, _ in rows}
    assert len(found) == len(rows), "a code has two rows"
    return found


def placeholders(cls: type[WeftError]) -> set[str]:
    return {re.split(r"[.\[]", name)[0] for _, name, _, _ in string.Formatter().parse(cls.template) if name}


def raised() -> Iterator[tuple[str, str, bool, set[str]]]:
    """Where an error is made: place, code, whether its message is given or its facts are spread, names of facts."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                called = node.func
                name = getattr(called, "id", None) or getattr(called, "attr", None)
                if name in OURS:
                    loose = bool(node.args) or any(k.arg is None for k in node.keywords)
                    facts = {k.arg for k in node.keywords if k.arg is not None}
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", str(name), loose, facts


def test_every_class_has_a_row_with_its_status_in_the_page_on_errors() -> None:
    new, gone = set(OURS) - set(table()), set(table()) - set(OURS)
    assert not new, f"give {new} rows in docs/errors.md, and a status in weft_core/model/http.py if its base's is wrong"
    assert not gone, f"docs/errors.md has rows for {gone}"
    for code, (status, retry, _) in table().items():
        assert http_status(OURS[code]) == status, f"{code}: decide its status in weft_core/model/http.py"
        assert is_retryable(OURS[code]) == retry, code


def test_every_class_is_in_the_module_of_errors_and_in_the_tree_of_its_docstring() -> None:
    words = set(re.findall(r"\w+", errors.__doc__ or "")) - {"SyntaxError"}
    drawn = {word for word in words if word in OURS or word.endswith("Error")}
    assert drawn == set(OURS), drawn ^ set(OURS)
    for code, cls in OURS.items():
        assert getattr(errors, code) is cls, f"{code} cannot be imported from weft_core.errors"


def test_every_message_is_made_of_facts_that_the_page_lists() -> None:
    facts = table()
    for code, cls in OURS.items():
        documented = facts[code][2]
        assert placeholders(cls) <= documented, code
        if cls.template:
            text = str(cls(**dict.fromkeys(documented, "FACT")))
            assert "?" not in text and text.count("FACT") >= len(placeholders(cls)), text


def test_every_place_that_raises_gives_the_facts_of_the_message_and_no_others() -> None:
    facts = table()
    places = list(raised())
    assert len(places) > 100
    for place, code, loose, given in places:
        assert loose or placeholders(OURS[code]) <= given, f"{place}: {code} lacks {placeholders(OURS[code]) - given}"
        assert given <= facts[code][2], f"{place}: {code} has facts that docs/errors.md does not list"


def test_every_status_is_one_of_those_the_page_explains() -> None:
    assert set(STATUS.values()) <= {400, 403, 404, 409, 410, 413, 422, 429, 500, 501, 503, 504, 507}
    assert all(issubclass(cls, WeftError) for cls in STATUS)


@pytest.mark.parametrize("code", OURS)
def test_an_error_comes_over_the_wire_as_its_class(code: str) -> None:
    facts: dict[str, Any] = {
        name: 1 if "column" in name or "line" in name else name.upper() for name in table()[code][2]
    }
    error = OURS[code](**facts) if OURS[code].template else OURS[code]("what happened", **facts)
    sent = json.loads(json.dumps(error.to_json()))
    assert is_weft_error_like(sent)
    again = error_from_json(sent)
    assert type(again) is type(error) and str(again) == str(error) and again.to_json() == error.to_json()
    assert http_status(again) == http_status(error) and is_weft_error(again)


def test_a_code_of_a_later_version_is_kept() -> None:
    sent = {"code": "FluxError", "message": "too much flux", "facts": {"flux": 7}}
    error = error_from_json(sent)
    assert type(error) is WeftError and error.code == "FluxError" and str(error) == "too much flux"
    assert error.to_json() == {
        "code": "FluxError",
        "message": "too much flux",
        "facts": {"flux": 7, "code": "FluxError"},
    }
    assert http_status(error) == 500 and WeftError("x").code == "WeftError"


@pytest.mark.parametrize("nonsense", [None, 5, "RunNotFoundError", [], {}, {"code": 5}, {"message": "x"}])
def test_what_is_no_error_is_refused(nonsense: Any) -> None:
    with pytest.raises(InvalidInputError, match="is no error"):
        error_from_json(nonsense)


@pytest.mark.parametrize(
    "facts",
    [
        {"to_json": 1, "describe": 2, "run_id": "r"},
        {"args": 1, "__class__": 2, "__dict__": 3},
        {"with_traceback": 1},
        7,
        None,
    ],
)
def test_facts_from_outside_hide_no_method(facts: Any) -> None:
    for code in ("RunNotFoundError", "TransformError", "NotSerializableError", "nonsense"):
        error = error_from_json({"code": code, "message": "m", "facts": facts})
        assert error.to_json()["message"] == "m" and error.code == code and isinstance(error, WeftError)
        assert str(error.with_traceback(None)) == "m"


def test_facts_that_a_constructor_cannot_read_still_make_an_error() -> None:
    error = error_from_json({"code": "TransformError", "message": "m", "facts": {"text": 5, "column": "x"}})
    assert error.code == "TransformError" and isinstance(error, WeftError)


class Foreign(Exception):
    code = "RunNotFoundError"


class Record:
    code, message = "RunNotFoundError", "gone"


class OfAnAuthor(Exception):
    code = "E17"


def test_what_is_like_an_error_of_ours() -> None:
    for like in (
        RunNotFoundError(run_id="r"),
        {"code": "RunNotFoundError", "message": "gone"},
        Foreign("gone"),
        Record(),
    ):
        assert is_weft_error_like(like), like
    for unlike in (
        None, 5, "RunNotFoundError", {}, {"code": "RunNotFoundError"}, {"code": "RunNotFoundError", "message": 5},
        {"code": ["RunNotFoundError"], "message": "x"}, {"code": "KeyError", "message": "x"}, OfAnAuthor("x"),
        ValueError("x"),
    ):  # fmt: skip
        assert not is_weft_error_like(unlike), unlike
    assert is_weft_error(RunNotFoundError(run_id="r")) and not is_weft_error(Foreign("gone"))


def test_control_flow_is_no_error() -> None:
    ours = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, BaseException)]
    control = [c for c in ours if not issubclass(c, Exception)]
    assert {RunCancelled, Evict} <= set(control)
    for signal in (KeyboardInterrupt(), asyncio.CancelledError(), *(cls() for cls in control)):
        signal.code, signal.message = "RunNotFoundError", "gone"  # type: ignore[union-attr]
        assert not is_weft_error(signal) and not is_weft_error_like(signal)
    for name in (cls.__name__ for cls in control):
        assert not is_weft_error_like({"code": name, "message": "x"})
        assert name not in public_errors()


def test_an_error_that_is_not_ours_keeps_its_text_to_itself() -> None:
    status, body = http_error(ValueError("password=hunter2"))
    assert status == 500 and body["code"] == "InternalError" and "hunter2" not in json.dumps(body)
    status, body = http_error(RunNotFoundError(run_id="r"))
    assert status == 404 and body["facts"] == {"run_id": "r"}
    assert http_status(KeyError) == 500 and not is_retryable(KeyError())
    assert is_retryable(StorageUnavailableError(store="S", reason="r"))


CATEGORIES = {
    "ValueError": "application", "ActivityFailedError": "application", "RunNotFoundError": "application",
    "tests.shop.Declined": "application", "?": "application", "": "application",
    "TimeoutError": "timeout", "ActivityTimeoutError": "timeout", "SignalTimeoutError": "timeout",
    "RunTimedOutError": "timeout",
    "RunCancelled": "cancellation", "RunCancelledError": "cancellation", "RunTerminatedError": "cancellation",
    "asyncio.exceptions.CancelledError": "cancellation",
    "LimitExceededError": "resource", "PayloadTooLargeError": "resource", "StorageQuotaError": "resource",
    "MemoryError": "resource", "RecursionError": "resource",
    "CorruptRecordError": "system", "NotSerializableError": "system", "CodeChangedError": "system",
    "EngineDegradedError": "system", "ActivityNotRegisteredError": "system", "WorkflowNotRegisteredError": "system",
}  # fmt: skip


@pytest.mark.parametrize("code", CATEGORIES)
def test_a_failure_has_the_same_category_as_a_code_a_record_and_an_error(code: str) -> None:
    assert failure_category(code) == CATEGORIES[code]
    assert failure_category({"code": code, "message": "x"}) == CATEGORIES[code]
    cls = getattr(errors, code, None)
    if isinstance(cls, type):
        error = cls("x")
        assert failure_category(error) == CATEGORIES[code]
        if isinstance(error, WeftError):
            assert failure_category(failure.record(error)) == CATEGORIES[code]


def test_every_code_has_a_category_and_the_status_of_a_run_says_it_first() -> None:
    kinds = {failure_category(code) for code in OURS}
    assert kinds == {"application", "timeout", "cancellation", "resource", "system"}
    assert failure_category(None) is None and failure_category(None, "completed") is None
    assert failure_category(None, "timed_out") == "timeout"
    assert (
        failure_category(None, "cancelled") == failure_category({"code": "ValueError"}, "terminated") == "cancellation"
    )
    for error in (asyncio.CancelledError(), RunCancelled()):
        assert failure_category(error) == "cancellation"
    assert failure_category(LimitExceededError(what="x", actual=2, limit=1)) == "resource"
    assert failure_category(ActivityTimeoutError(activity="a", timeout_ms=1, attempt=1)) == "timeout"


async def test_the_stored_record_of_a_failed_run_has_the_category_of_its_error() -> None:
    shop.forget()
    async with TestEngine(workflows=[shop.checkout]) as engine:
        handle = await engine.start(shop.checkout, {"id": "o1"})  # no total: a KeyError of the author's
        with pytest.raises(RunFailedError):
            await handle.result()
        header = await engine.header(handle.id)
        assert failure_category(header.error, header.status) == "application"


assert weft_core.testing

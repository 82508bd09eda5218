"""Looking at suspended frames: where they stand and what their variables are."""

from __future__ import annotations

import sys
import types
from collections.abc import AsyncGenerator, Coroutine, Generator
from typing import Any

from weft_core.errors import SnapshotError
from weft_core.frames.labels import Label
from weft_core.frames.plan import CODES, Plan

FrameObject = Coroutine[Any, Any, Any] | Generator[Any, Any, Any] | AsyncGenerator[Any, Any]
FRAME_TYPES = frozenset({types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType})

if sys.version_info >= (3, 13):

    def read_locals(frame: Any) -> dict[str, Any]:
        """A copy of the frame's variables, hidden ones too."""
        return dict(frame.f_locals)

    def release_locals(variables: dict[str, Any]) -> None:
        """Nothing is cached in this version."""

    def view_locals(frame: Any) -> dict[str, Any]:
        """The same, to be given back with :func:`release_locals` once read."""
        return dict(frame.f_locals)

else:

    def read_locals(frame: Any) -> dict[str, Any]:
        """A copy of the frame's variables, hidden ones too."""
        cached = frame.f_locals
        out: dict[str, Any] = cached.copy()
        cached.clear()
        return out

    def release_locals(variables: dict[str, Any]) -> None:
        """3.11 and 3.12 keep the dict on the frame, where it would keep every value alive: empty it."""
        variables.clear()

    def view_locals(frame: Any) -> dict[str, Any]:
        """The frame's own dict, to be given back with :func:`release_locals` once read."""
        return frame.f_locals  # type: ignore[no-any-return]


def parts(o: Any) -> tuple[Any, Any, Any, bool, bool]:
    """(code, frame, what it awaits, running, suspended) of a coroutine, generator or async generator."""
    t = type(o)
    if t is types.CoroutineType:
        return o.cr_code, o.cr_frame, o.cr_await, o.cr_running, o.cr_suspended
    if t is types.GeneratorType:
        return o.gi_code, o.gi_frame, o.gi_yieldfrom, o.gi_running, o.gi_suspended
    # ag_running is also true while __anext__() is suspended; ag_suspended exists from 3.12 on.
    frame = o.ag_frame
    return o.ag_code, frame, o.ag_await, False, frame is not None and ".pc" in frame.f_locals


def plan_of(o: Any) -> Plan | None:
    """The plan of a coroutine or generator that a durable function made; else None."""
    if type(o) not in FRAME_TYPES:
        return None
    hit = CODES.get(id(parts(o)[0]))
    return hit[1] if hit else None


def position(o: Any) -> tuple[Plan, Label | None]:
    """Plan and label of a suspended durable frame; the label is None if it has not started."""
    code, frame, _, _, suspended = parts(o)
    hit = CODES.get(id(code))
    if hit is None:
        raise SnapshotError(f"{code.co_qualname} is not durable", function=code.co_qualname)
    plan = hit[1]
    if frame is None or not suspended:
        return plan, None
    return plan, plan.labels[read_locals(frame)[".pc"] - 1]


def is_suspended_generator(o: Any) -> bool:
    """True for a durable generator that has begun and is not finished: dropping it would leave ``finally`` unrun."""
    t = type(o)
    if t is types.GeneratorType:
        return bool(o.gi_suspended) and id(o.gi_code) in CODES
    if t is types.AsyncGeneratorType:
        return o.ag_frame is not None and id(o.ag_code) in CODES and parts(o)[4]
    return False


def source_line(plan: Plan, lineno: int | None) -> str:
    """The text of one line of the function's file, or nothing."""
    lines = plan.root.lines
    return lines[lineno - 1].strip() if lines and lineno and 0 < lineno <= len(lines) else ""


def place(plan: Plan, label: Label | None) -> dict[str, Any]:
    """Where a frame stands, as facts of an error."""
    return {
        "function": plan.where(),
        "filename": plan.root.filename,
        "line": label.lineno if label else None,
        "source": source_line(plan, label.lineno) if label else "(not started)",
    }

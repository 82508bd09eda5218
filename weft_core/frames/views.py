"""Frames as tools show them: function, line, variables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from weft_core.frames.live import FRAME_TYPES, parts, plan_of, position, read_locals


@dataclass(frozen=True, slots=True)
class FrameView:
    """One suspended function. ``label`` names its suspension point; ``lineno`` is None before it has started."""

    function: str
    filename: str
    lineno: int | None
    label: str
    locals: dict[str, Any] = field(default_factory=dict)
    code: str = ""
    """The fingerprint of its function."""


def stack(coro: Any) -> list[FrameView]:
    """The durable frames of a suspended coroutine, outermost first, with the author's variables."""
    out = []
    while type(coro) in FRAME_TYPES:
        plan = plan_of(coro)
        if plan is None:
            break
        _, frame, awaited, running, _ = parts(coro)
        label = position(coro)[1]
        variables = read_locals(frame) if frame is not None and not running else {}
        shown = {k: v for k, v in variables.items() if not k.startswith(".")}
        out.append(
            FrameView(
                plan.where(),
                plan.root.filename,
                label.lineno if label else None,
                label.id if label else "start",
                shown,
                plan.hash,
            )
        )
        coro = awaited
    return out

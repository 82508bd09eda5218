"""Asking people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from weft_core import codec
from weft_core.errors import InvalidInputError
from weft_core.model.durations import Duration, duration_ms
from weft_core.model.operations import Operation, Review, ReviewDecision
from weft_core.workflow.context.facts import Facts

_ACTIONS = {"approve": "approved", "reject": "rejected"}


class Reviews(Facts):
    """ctx.review."""

    def review(
        self,
        artifact: Any,
        *,
        type: str = "general",
        reviewers: Iterable[str] = (),
        timeout: Duration | None = None,
        escalation: Sequence[Mapping[str, Any]] = (),
        allow_partial: bool = False,
    ) -> Operation[ReviewDecision]:
        """Ask people to decide on ``artifact``, and wait for as long as that takes.

        ``escalation`` says what happens while nobody decides, each ``after`` a time since the review began: ask others,
        ``{"after": "4 hours", "to": ["lead"]}``, or decide, ``{"after": "1 day", "action": "reject", "reason": "..."}``
        (or "approve"). After ``timeout``: ``ReviewTimeoutError``. With ``allow_partial`` the artifact is a dict whose
        keys are sections that may be decided one by one; the worst of their decisions is that of the whole.
        """
        if not isinstance(type, str) or not type:
            raise _wrong(f"the type is text, not {type!r}")
        if allow_partial and not (isinstance(artifact, Mapping) and artifact and all(map(_is_name, artifact))):
            raise _wrong("allow_partial needs an artifact that is a dict of sections by name")
        request = {
            "type": type,
            "reviewers": _names(reviewers, "reviewers"),
            "timeout_ms": None if timeout is None else duration_ms(timeout, "the timeout of ctx.review"),
            "escalation": sorted(map(_step, escalation), key=lambda step: step[0]),
            "wanted": list(artifact) if allow_partial else None,
        }
        return Review(codec.dumps(artifact), request)


def _step(step: Mapping[str, Any]) -> list[Any]:
    if not isinstance(step, Mapping) or "after" not in step or not step.keys() <= {"after", "to", "action", "reason"}:
        raise _wrong(f"{step!r} is no step of an escalation; it has after=, and to= or action= (and reason=)")
    if ("to" in step) == ("action" in step):
        raise _wrong(f"{step!r} must have either to= or action=")
    after = duration_ms(step["after"], "the escalation of ctx.review")
    if "to" in step:
        return [after, _names(step["to"], "to"), None, None]
    if step["action"] not in _ACTIONS:
        raise _wrong(f"the action of {step!r} must be one of {sorted(_ACTIONS)}")
    reason = step.get("reason")
    if reason is not None and not isinstance(reason, str):
        raise _wrong(f"the reason of {step!r} is text")
    return [after, [], _ACTIONS[step["action"]], reason]


def _names(names: Any, what: str) -> list[str]:
    found = [] if isinstance(names, str) or not isinstance(names, Iterable) else list(names)
    if not all(map(_is_name, found)) or (not found and names not in ((), [])):
        raise _wrong(f"{what} is a list of names, not {names!r}")
    return found


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and bool(name)


def _wrong(reason: str) -> InvalidInputError:
    return InvalidInputError(call="ctx.review", reason=reason)

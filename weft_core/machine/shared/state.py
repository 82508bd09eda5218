"""Durable values that runs share (``ctx.state.workflow``, ``ctx.state.store``): ``[version, encoded or None]``."""

from __future__ import annotations

from typing import Any

from weft_core.machine.shared.base import Caller, Decision
from weft_core.machine.values import ABSENT, decide
from weft_core.model import keys


class SharedState:
    kind = "state"

    def decide(self, decision: Decision, state: Any, request: list[Any], caller: Caller) -> Any:
        """Requests and answers: ``machine/values.py``."""
        before = state or ABSENT
        after, answer = decide(before, request, decision.limits)
        decision.reply(caller, answer)
        if after is before:
            return state
        workflow, key = keys.parse_shared_state(decision.name)
        scope = "workflow" if workflow else "store"
        deleted = after[1] is None
        decision.event(
            "state_changed", scope=scope, key=key, version=after[0], deleted=deleted, workflow=workflow
        )  # fmt: skip
        return after

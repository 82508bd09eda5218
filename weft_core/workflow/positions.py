"""What a suspension point waits for, as far as its text tells: the kind and the name of its operation."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from weft_core.frames import Label, Plan
from weft_core.model.operations import Operation

CALL = "call"
_KINDS = {
    "run": "activity", "step": "activity", "offload": "activity", "load": "activity", "archive": "activity",
    "memo": "activity", "sleep": "sleep", "sleep_until": "sleep",
    "wait_for_signal": "signal", "all": "group", "race": "group", "set_attribute": "attribute",
    "set_attributes": "attribute", "child": "child", "start_child": "child", "result_of": "run", "result": "run",
    "signal": "signal_run", "cancel": "cancel_run", "acquire": "lock", "release": "unlock",
    "wait_for_update": "update", "wait_until": "until", "review": "review", "respond": "answer", "reject": "answer",
    "map": "map", "saga": "saga",
}  # fmt: skip
_STATE = ("get", "read", "set", "update", "compare_and_swap", "increment", "append", "delete")
_SHARED_NAMES = dict.fromkeys(_STATE, "state")
"""Methods of ours that authors' durable methods may be called, too: these are calls, or operations of this kind."""
_NAMELESS = frozenset({"sleep", "attribute", "until", "answer", "review"})
_OWN_ACTIVITIES = frozenset({"load", "archive"})
"""Named so, whatever they are given."""
_UNKNOWN = object()


@dataclass(frozen=True, slots=True)
class Meaning:
    """``kind`` is that of an operation, or "call" for the call of a durable function; None is what cannot be told."""

    kind: str | None
    name: str | None

    def names(self, label: Label) -> set[str]:
        """How a migration may call the suspension point."""
        short = {self.kind, f"{self.kind} {self.name}"} if self.kind else set()
        return {label.id, label.text, *(s for s in short if s)}

    def fits(self, op: Operation[Any]) -> bool:
        """False if it is surely another operation."""
        if self.kind == CALL and self.name is not None:
            return _SHARED_NAMES.get(self.name) == op.kind
        if self.kind != op.kind:
            return False
        return self.kind in _NAMELESS or self.name is None or self.name == op.label


def meaning(plan: Plan, label: Label) -> Meaning:
    """Read from the label's text and from what the names in it stand for today."""
    try:
        call = ast.parse(label.text.removeprefix("yield from "), mode="eval").body
    except SyntaxError:  # a construct that awaits by itself, or a text that was cut
        return Meaning(None, None)
    if not isinstance(call, ast.Call):
        return Meaning(None, None)
    called = _value(plan, call.func)
    if hasattr(called, "__durable__"):
        return Meaning(CALL, called.__name__)
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _KINDS:
        return Meaning(CALL, ast.unparse(call.func).rpartition(".")[2])
    kind = _KINDS[call.func.attr]
    if call.func.attr in _OWN_ACTIVITIES:
        return Meaning(kind, call.func.attr)
    return Meaning(kind, call.func.attr if kind == "group" else _name(plan, call))


def _name(plan: Plan, call: ast.Call) -> str | None:
    if not call.args:
        return None
    argument = call.args[0]
    if isinstance(argument, ast.Constant):
        return str(argument.value)
    value = _value(plan, argument)
    found = getattr(value, "name", None) or getattr(value, "__name__", None)
    return found if isinstance(found, str) else None


def _value(plan: Plan, e: ast.expr) -> Any:
    """What a name, or attributes of one, stands for outside of the function; ``_UNKNOWN`` if that is not known."""
    if isinstance(e, ast.Attribute):
        return getattr(_value(plan, e.value), e.attr, _UNKNOWN)
    if not isinstance(e, ast.Name) or e.id in plan.names or e.id in plan.cells:
        return _UNKNOWN
    if e.id in plan.root.env:
        try:
            return plan.root.env[e.id].cell_contents
        except ValueError:  # an empty cell
            return _UNKNOWN
    return plan.root.globals.get(e.id, _UNKNOWN)

"""One file for each kind of shared object; this table joins them."""

from __future__ import annotations

from weft_core.machine.shared.admission import Admission
from weft_core.machine.shared.base import OUTSIDE, Caller, Decision, SharedObject
from weft_core.machine.shared.lock import Lock
from weft_core.machine.shared.state import SharedState

SHARED: dict[str, SharedObject] = {rules.kind: rules for rules in (Lock(), SharedState(), Admission())}

__all__ = ["OUTSIDE", "SHARED", "Admission", "Caller", "Decision", "SharedObject"]

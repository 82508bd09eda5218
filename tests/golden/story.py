"""What is done to the runs of ``parked.py`` before their store is exported, and after."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
KINDS = (
    "signal", "timer", "backoff", "outside", "review", "child", "holder", "lock", "until", "all", "race", "map", "saga",
    "nested", "state", "done", "delayed",
)  # fmt: skip

STEPS: list[list[Any]] = [
    ["signal", "signal", "go", {"when": "now"}], ["signal", "child-of-child", "go", "hi"],
    ["signal", "holder", "go", 1], ["update", "until", "add", 4], ["update", "until", "add", 6],
    ["signal", "all", "other", "o"],
    ["signal", "race", "go", None], ["signal", "map", "go", "x"], ["signal", "map", "go", "y"],
    ["signal", "map", "go", "z"], ["signal", "saga", "go", "end"], ["signal", "nested", "go", 10],
    ["signal", "nested", "go", 100], ["signal", "state", "go", None],
]  # fmt: skip
"""Verb, run, name, payload: what the world says after the import. The first of ``nested`` and ``all`` came before."""

RESULTS: dict[str, Any] = {
    "signal": [{"when": "now"}, 400], "timer": ["timer", True], "backoff": "backoff", "outside": "from outside",
    "review": "approved", "child": "hi", "holder": 1, "lock": "LOCK", "until": 10, "all": ["g", "o", "ALL"],
    "race": "signal", "map": ["1 x", "2 y", "3 z"], "saga": "end", "nested": 1 + 20 + 300 + 3, "state": 7,
    "done": "done", "delayed": "delayed",
}  # fmt: skip


def program() -> ModuleType:
    """``parked.py`` under the name that it has in a page."""
    if "parked" not in sys.modules:
        spec = importlib.util.spec_from_file_location("parked", HERE / "parked.py")
        assert spec is not None and spec.loader is not None
        module = sys.modules["parked"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["parked"]

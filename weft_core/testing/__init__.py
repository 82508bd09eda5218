"""For tests of workflows, and of what Weft stands on."""

from weft_core.testing.contract import StorageContract, run_contract
from weft_core.testing.crashing import CrashingStorage, SimulatedCrash
from weft_core.testing.engine import TestEngine
from weft_core.testing.failing import FailingStorage
from weft_core.testing.survival import DidNotSurvive, SurvivalReport, assert_survives_every_crash
from weft_core.testing.virtual import VirtualClock, virtual_host

__all__ = [
    "CrashingStorage",
    "DidNotSurvive",
    "FailingStorage",
    "SimulatedCrash",
    "StorageContract",
    "SurvivalReport",
    "TestEngine",
    "VirtualClock",
    "assert_survives_every_crash",
    "run_contract",
    "virtual_host",
]

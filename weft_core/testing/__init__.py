"""For tests of workflows, and of what Weft stands on."""

from weft_core.testing.chaos import Chaos
from weft_core.testing.chaotic import ChaosFunction, with_chaos
from weft_core.testing.contract import StorageContract, run_contract
from weft_core.testing.crashing import CrashingStorage, SimulatedCrash
from weft_core.testing.engine import TestEngine
from weft_core.testing.failing import FailingStorage
from weft_core.testing.mocks import MockCall, MockHandle
from weft_core.testing.survival import DidNotSurvive, SurvivalReport, assert_survives_every_crash
from weft_core.testing.virtual import VirtualClock, virtual_host

__all__ = [
    "Chaos",
    "ChaosFunction",
    "CrashingStorage",
    "DidNotSurvive",
    "FailingStorage",
    "MockCall",
    "MockHandle",
    "SimulatedCrash",
    "StorageContract",
    "SurvivalReport",
    "TestEngine",
    "VirtualClock",
    "assert_survives_every_crash",
    "run_contract",
    "virtual_host",
    "with_chaos",
]

"""For tests of workflows, and of what Weft stands on."""

from weft_core.testing.contract import StorageContract, run_contract
from weft_core.testing.crashing import CrashingStorage, SimulatedCrash
from weft_core.testing.failing import FailingStorage

__all__ = ["CrashingStorage", "FailingStorage", "SimulatedCrash", "StorageContract", "run_contract"]

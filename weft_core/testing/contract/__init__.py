"""StorageContract: what every store and every wrapper promises, as one test class.

With pytest, one subclass per store::

    class TestMemory(StorageContract):
        async def open_storage(self):
            return MemoryStorage()

Without pytest, for example in a browser, inside a running loop::

    report = await run_contract(open_my_empty_store)
    assert report.ok, report.text()
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from weft_core.ports import Storage
from weft_core.testing.contract.batches import BatchPromises
from weft_core.testing.contract.harness import Promise, Subject, everything, examine, refuses
from weft_core.testing.contract.lifetime import LifetimePromises
from weft_core.testing.contract.order import OrderPromises
from weft_core.testing.contract.rows import RowPromises

__all__ = ["ContractReport", "StorageContract", "contract_tests", "everything", "refuses", "run_contract"]


class StorageContract(RowPromises, OrderPromises, BatchPromises, LifetimePromises):
    """Subclass it as ``Test…`` and give ``open_storage``; a store that persists also gives ``reopen_storage``,
    one that several processes may open also ``second_handle``."""


@dataclass
class ContractReport:
    """What :func:`run_contract` found."""

    passed: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    """Name of the test, and the traceback."""

    @property
    def ok(self) -> bool:
        return bool(self.passed) and not self.failed

    def text(self) -> str:
        """A summary for people, failures first."""
        lines = [f"FAILED {name}\n{trace}" for name, trace in self.failed]
        return "\n".join([*lines, f"{len(self.passed)} passed, {len(self.failed)} failed"])

    def to_json(self) -> dict[str, Any]:
        return {"ok": self.ok, "passed": self.passed, "failed": [list(failure) for failure in self.failed]}


def contract_tests() -> dict[str, Promise]:
    """Every test of the contract by name."""
    found: dict[str, Promise] = {}
    for cls in StorageContract.__mro__:
        found.update((name, test) for name, test in vars(cls).items() if hasattr(test, "body"))
    return found


async def run_contract(
    subject: Subject | Callable[[], Awaitable[Storage]],
    *,
    only: str = "",
    timeout_s: float = 60.0,
) -> ContractReport:
    """Run every test whose name contains ``only``, each on a store of its own, without pytest.

    ``subject`` is a function that opens a new empty store, or an instance of a :class:`StorageContract` subclass with
    more hooks. A test that takes longer than ``timeout_s`` has failed; the others run on.
    """
    examined = subject if isinstance(subject, Subject) else _from_function(subject)
    report = ContractReport()
    for name, test in contract_tests().items():
        if only not in name:
            continue
        try:
            await asyncio.wait_for(examine(examined, test.body), timeout_s)
        except Exception:
            report.failed.append((name, traceback.format_exc(limit=-4)))
        else:
            report.passed.append(name)
    return report


def _from_function(open_storage: Callable[[], Awaitable[Storage]]) -> Subject:
    class Opened(StorageContract):
        async def open_storage(self) -> Storage:
            return await open_storage()

        def reopens(self, storage: Storage) -> bool:
            return False  # nobody said how

    return Opened()

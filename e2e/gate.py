"""Counts the scenarios of a run: who ran in which browser, what they told, and what is missing (see scenarios.py)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from e2e.harness.engines import CHROMIUM, ENGINES
from e2e.harness.report import TOLD
from e2e.scenarios import NOT_YET, REQUIRED, SCENARIOS

LAST = "test_the_gate.py"
Key = tuple[int, str]


@dataclass
class Record:
    """What the tests of one scenario did in one browser."""

    seconds: float = 0.0
    passed: int = 0
    others: list[str] = field(default_factory=list)
    """Tests that did not pass, with what they did instead."""
    faults: int = 0
    effects: int = 0


class Gate:
    """A pytest plugin."""

    def __init__(self) -> None:
        self.records: dict[Key, Record] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """The test that looks at all others comes last."""
        items.sort(key=lambda item: item.path.name == LAST)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Iterator[Any]:
        """A test of a scenario that tells nothing has failed; note what the others told."""
        report: pytest.TestReport = yield
        if keys := keys_of(item):
            told = TOLD.pop(item.nodeid, []) if report.when == "call" else []
            if report.when == "call" and report.passed and not told:
                report.outcome = "failed"
                report.longrepr = "a scenario ends with told(..., faults=…, effects=…): how many there were"
            for key in keys:
                self._note(self.records.setdefault(key, Record()), report, told)
        return report

    def _note(self, record: Record, report: pytest.TestReport, told: list[tuple[int, int]]) -> None:
        record.seconds += report.duration
        record.passed += report.when == "call" and report.passed
        if not report.passed:
            record.others.append(f"{report.outcome} in {report.when}: {report.nodeid}")
        record.faults += sum(faults for faults, _ in told)
        record.effects += sum(effects for _, effects in told)

    def complaints(self) -> list[str]:
        """What is missing from a whole run."""
        found = [
            f"scenario {number} did not run in {engine}" for number, engine in sorted(REQUIRED - set(self.records))
        ]
        for scenario in SCENARIOS:
            for engine in ENGINES:
                if record := self.records.get((scenario.number, engine)):
                    name = f"scenario {scenario.number} in {engine}"
                    found += [f"{name} {other}" for other in record.others]
                    if record.passed and (record.faults < scenario.faults or record.effects < scenario.effects):
                        found.append(
                            f"{name} told {record.faults} faults and {record.effects} effects, "
                            f"and owes {scenario.faults} and {scenario.effects}"
                        )
        return found

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """The table, if a scenario ran."""
        if self.records:
            terminalreporter.section("scenarios: seconds, faults injected, effects counted by the shop")
            ran = {number for number, _ in self.records}
            for line in self.table(whole=len(ran) > len(SCENARIOS) // 2):
                terminalreporter.write_line(line)

    def table(self, whole: bool) -> list[str]:
        """One line for each scenario: for all of them, or for those that ran."""
        lines = [f"{'':>2} {'':58}" + "".join(f"{engine:>18}" for engine in ENGINES)]
        for scenario in SCENARIOS:
            if not whole and not any((scenario.number, engine) in self.records for engine in ENGINES):
                continue
            cells = "".join(f"{self._cell((scenario.number, engine)):>18}" for engine in ENGINES)
            lines.append(f"{scenario.number:>2} {scenario.title:58}{cells}".rstrip())
        total = sum(record.seconds for record in self.records.values())
        lines.append(f"{'':>2} {len(self.records)} of {sum(len(each.engines) for each in SCENARIOS)}, {total:.0f} s")
        return lines

    def _cell(self, key: Key) -> str:
        if record := self.records.get(key):
            return "failed" if record.others else f"{record.seconds:.0f} s {record.faults}/{record.effects}"
        if key in REQUIRED:
            return "-"
        return "not written" if key[1] in NOT_YET.get(key[0], ()) and _wanted(key) else ""


def _wanted(key: Key) -> bool:
    return any(scenario.number == key[0] and key[1] in scenario.engines for scenario in SCENARIOS)


def keys_of(item: pytest.Item) -> list[Key]:
    """The scenarios that a test belongs to, in its browser, or in those that its marker names."""
    engine = getattr(item, "callspec", None) and item.callspec.params.get("engine")  # type: ignore[attr-defined]
    marks = item.iter_markers("scenario")
    return [(mark.args[0], each) for mark in marks for each in mark.kwargs.get("engines", [engine or CHROMIUM])]

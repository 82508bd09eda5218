"""Counts the scenarios of a run: who ran in which browser, what they told, and what is missing (see scenarios.py).

The tests of a run may be in several processes (see beside.py). Each notes its own in a file of a folder that all know.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
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
    """A pytest plugin. ``folder`` is the same for all processes of a run, and empty when it begins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

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
            self._note(keys, report, told)
        return report

    def _note(self, keys: list[Key], report: pytest.TestReport, told: list[tuple[int, int]]) -> None:
        passed = report.when == "call" and report.passed
        other = "" if report.passed else f"{report.outcome} in {report.when}: {report.nodeid}"
        with (self.folder / f"{os.getpid()}.jsonl").open("a") as notes:
            print(json.dumps([keys, report.duration, passed, other, told]), file=notes)

    def records(self) -> dict[Key, Record]:
        """All that was noted so far, in every process."""
        records: dict[Key, Record] = defaultdict(Record)
        for notes in self.folder.glob("*.jsonl"):
            for keys, seconds, passed, other, told in map(json.loads, notes.read_text().splitlines()):
                for number, engine in keys:
                    record = records[number, engine]
                    record.seconds += seconds
                    record.passed += passed
                    record.others += [other] if other else []
                    record.faults += sum(faults for faults, _ in told)
                    record.effects += sum(effects for _, effects in told)
        return dict(records)

    def complaints(self) -> list[str]:
        """What is missing from a whole run."""
        records = self.records()
        found = [f"scenario {number} did not run in {engine}" for number, engine in sorted(REQUIRED - set(records))]
        for scenario in SCENARIOS:
            for engine in ENGINES:
                if record := records.get((scenario.number, engine)):
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
        if records := self.records():
            terminalreporter.section("scenarios: seconds, faults injected, effects counted by the shop")
            for line in table(records):
                terminalreporter.write_line(line)


def table(records: dict[Key, Record]) -> list[str]:
    """One line for each scenario: for all of them, or for those that ran if they were few."""
    ran = {number for number, _ in records}
    whole = len(ran) > len(SCENARIOS) // 2
    lines = [f"{'':>2} {'':58}" + "".join(f"{engine:>18}" for engine in ENGINES)]
    for scenario in SCENARIOS:
        if whole or scenario.number in ran:
            cells = "".join(f"{_cell((scenario.number, engine), records):>18}" for engine in ENGINES)
            lines.append(f"{scenario.number:>2} {scenario.title:58}{cells}".rstrip())
    total = sum(record.seconds for record in records.values())
    return [*lines, f"{'':>2} {len(records)} of {sum(len(each.engines) for each in SCENARIOS)}, {total:.0f} s"]


def _cell(key: Key, records: dict[Key, Record]) -> str:
    if record := records.get(key):
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

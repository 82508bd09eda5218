"""Tests beside each other (``pytest e2e -n 3``), and when all have ended, those that must be alone."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScheduling
from xdist.workermanage import WorkerController

alone = pytest.mark.alone
"""Marks a test that asserts how long something takes, or judges all others: it runs while no other test does."""
NOTED = "{}.alone"
FOLDER = "weft_run_folder"

READY = 2
"""A worker begins a test when it knows the next one: it has to, to know which fixtures to keep."""


class Beside:
    """A pytest plugin. ``folder`` is the same for all processes of a run, and empty when it begins."""

    def __init__(self, config: pytest.Config) -> None:
        if worker := getattr(config, "workerinput", None):
            self.folder = Path(worker[FOLDER])
        else:
            folder = tempfile.TemporaryDirectory(prefix="weft-e2e-")
            config.add_cleanup(folder.cleanup)
            self.folder = Path(folder.name)

    def pytest_configure_node(self, node: WorkerController) -> None:
        node.workerinput[FOLDER] = str(self.folder)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which they are: the process that shares the tests out knows their ids only."""
        ids = [item.nodeid for item in session.items if item.get_closest_marker(alone.name)]
        (self.folder / NOTED.format(os.getpid())).write_text(json.dumps(ids))

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Producer) -> AloneLast:
        return AloneLast(config, log, self.folder)


class AloneLast(LoadScheduling):
    """Gives each worker its next test as late as it can be, and those that run alone to one of them, at last."""

    def __init__(self, config: pytest.Config, log: Producer, folder: Path) -> None:
        super().__init__(config, log)
        self.folder = folder
        self.ids: set[str] = set()
        """Of the tests that run alone; ``alone`` has those of them that wait."""
        self.alone: list[int] = []
        self.last: WorkerController | None = None
        """The worker that stays when the others have nothing left."""

    @property
    def tests_finished(self) -> bool:
        return super().tests_finished and not self.alone and all(node.shutting_down for node in self.nodes)

    @property
    def has_pending(self) -> bool:
        return bool(self.alone) or super().has_pending

    def schedule(self) -> None:
        if self.collection is None and self._check_nodes_have_same_collection():
            self.collection = next(iter(self.node2collection.values()))
            self.ids.update(*(json.loads(noted.read_text()) for noted in self.folder.glob(NOTED.format("*"))))
            self._return(range(len(self.collection)))
        self._look_at_all()

    def check_schedule(self, node: WorkerController, duration: float = 0) -> None:
        if node.shutting_down:
            return
        self._send_tests(node, max(0, READY - len(self.node2pending[node])))
        mine = self.node2pending[node]
        if len(mine) >= READY:
            return
        if self.nodes == [node]:
            self._send_alone(node, len(self.alone))
            node.shutdown()
        elif mine and self._is_alone(mine[0]):
            return  # it waits, and so does its test, which knows no next one
        elif not self.alone or self.last not in (None, node):
            node.shutdown()  # after the one it has
        else:
            self.last = node
            self._send_alone(node, 1 if mine else 0)  # so that it begins the one it has, and no more

    def remove_node(self, node: WorkerController) -> str | None:
        pending = self.node2pending.pop(node)
        self.last = None if node is self.last else self.last
        self._return(pending[1:])
        self._look_at_all()
        return self.collection[pending[0]] if pending and self.collection else None

    def _look_at_all(self) -> None:
        for node in self.nodes:
            self.check_schedule(node)

    def _return(self, tests: range | list[int]) -> None:
        """They are to be run, by anyone."""
        self.pending += [test for test in tests if not self._is_alone(test)]
        self.alone[:0] = [test for test in tests if self._is_alone(test)]

    def _send_alone(self, node: WorkerController, number: int) -> None:
        tests, self.alone = self.alone[:number], self.alone[number:]
        self.node2pending[node] += tests
        node.send_runtest_some(tests)

    def _is_alone(self, test: int) -> bool:
        assert self.collection is not None
        return self.collection[test] in self.ids

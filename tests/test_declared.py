"""Queues and schedules that a module declares are found by those that are given the module: a page, ``weft run``."""

from __future__ import annotations

import sys

from weft_core import Queue, Schedule, load_source
from weft_core.workflow import declared_in

SHOP = """
from weft_core import Context, queue, schedule, workflow

mail = queue("mail", rate="10/s")
again = mail

@workflow
async def report(ctx: Context) -> None: ...

nightly = schedule("nightly", workflow=report, cron="@daily")
"""


def test_queues_and_schedules_of_a_module_are_found_once() -> None:
    load_source("declaring_shop", SHOP)
    module = sys.modules["declaring_shop"]
    assert [queue.name for queue in declared_in(module, Queue)] == ["mail"]
    assert [schedule.id for schedule in declared_in(module, Schedule)] == ["nightly"]

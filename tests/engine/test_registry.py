"""Which activity a name means: two modules may not silently share one."""

from __future__ import annotations

import pytest

from weft_core import Workflow, load_source
from weft_core.errors import DuplicateDefinitionError
from weft_core.testing import TestEngine

SHOP = """
from weft_core import Context, activity, workflow

@activity
async def charge(cents: int) -> str:
    return "{said}"

@workflow(name="{workflow}", version="{version}")
async def flow(ctx: Context, cents: int) -> str:
    return await ctx.run(charge, cents)
"""


def flow(module: str, workflow: str, said: str, version: str = "1") -> Workflow:
    found: Workflow = load_source(module, SHOP.format(workflow=workflow, said=said, version=version)).flow
    return found


async def test_two_modules_with_an_activity_of_one_name_are_refused_and_nothing_is_registered() -> None:
    """The second workflow would run the first one's activity."""
    tills, tolls = flow("tills", "till", "by card"), flow("tolls", "toll", "by plate")
    engine = TestEngine(workflows=[tills])
    with pytest.raises(DuplicateDefinitionError, match="activity 'charge'"):
        engine.register(tolls)
    async with engine:
        assert await engine.run("till", 5) == "by card"
        assert [workflow.name for workflow in engine.registry.workflows()] == ["till"]


async def test_activities_says_which_of_them_it_is() -> None:
    import sys

    tills, tolls = flow("tills_2", "till", "by card"), flow("tolls_2", "toll", "by plate")
    async with TestEngine(workflows=[tills, tolls], activities=[sys.modules["tolls_2"].charge]) as engine:
        assert [await engine.run("till", 5), await engine.run("toll", 5)] == ["by plate", "by plate"]


async def test_versions_of_one_workflow_may_bring_the_same_activities() -> None:
    old, new = flow("tills_old", "till", "by cash"), flow("tills_new", "till", "by card", "2")
    async with TestEngine(workflows=[old, new]) as engine:
        assert await engine.run("till", 5) == "by cash", "the activities that were registered first"

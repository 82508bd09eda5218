"""An operation that is made and not awaited does nothing: such a line is refused when the workflow is defined."""

from __future__ import annotations

import inspect
import re

import pytest

from weft_core import Context, workflow
from weft_core.errors import TransformError
from weft_core.workflow import durable
from weft_core.workflow.unawaited import OPERATIONS


def test_the_names_are_those_of_the_methods_that_return_an_operation() -> None:
    returns = {
        name: str(method.__annotations__.get("return", ""))
        for name, method in inspect.getmembers(Context, inspect.isfunction)
        if not name.startswith("_")
    }
    # saga and stream return something to use as well, by how they are called
    found = {name for name, annotation in returns.items() if re.match(r"Operation\[", annotation)}
    assert found - {"saga", "stream"} == OPERATIONS


def test_the_error_points_at_the_line_and_says_what_to_write() -> None:
    with pytest.raises(
        TransformError, match=r"ctx\.sleep\(\.\.\.\) does nothing until it is awaited; write `await"
    ) as caught:

        @workflow
        async def forgetful(ctx: Context) -> None:
            if ctx.random() < 2:
                ctx.sleep(60)

    assert caught.value.facts["reason"] == "not-awaited"
    assert (caught.value.text or "").strip() == "ctx.sleep(60)"


def test_helpers_and_contexts_of_any_name_are_looked_at() -> None:
    with pytest.raises(TransformError, match=r"await context\.set_attribute"):

        @durable
        async def helper(context: Context) -> None:
            context.set_attribute("city", "Bern")

    with pytest.raises(TransformError, match=r"await ctx\.run"):

        @workflow
        def generator_form(ctx):
            ctx.run("mail")
            yield ctx.sleep(1)


def test_what_is_awaited_passed_on_or_no_operation_is_no_mistake() -> None:
    @workflow
    async def careful(ctx: Context, queue: list) -> None:
        ctx.log("begins")
        ctx.expose("stage", 1)
        both = [ctx.sleep(1), ctx.sleep(2)]
        queue.append(ctx.sleep(3))
        ctx.on_cancel(ctx.sleep(1))
        await ctx.all(both)

    assert careful.name == "careful"

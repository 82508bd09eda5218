"""Ways in which a run once went on in the wrong place, or with the wrong variables, under changed code (G16).

Each was accepted before places had their neighbours, headers and twins; each is refused now, or goes on as it should.
"""

from __future__ import annotations

import pytest

from tests.frames.test_code_changes import migrate, refusal


def wf(body: str) -> str:
    lines = "".join(f"    {line}\n" for line in body.strip("\n").splitlines())
    return f"\n@durable\nasync def wf(ctx, items):\n{lines}"


MOVED = 'await ctx.run("a", 1)\nawait ctx.run("b", 2)\nreturn 0'


@pytest.mark.parametrize("steps", [0, 1])
def test_an_await_that_was_moved_past_another_is_refused_from_both_sides(steps):
    """The run would have done one of the two twice, and the other never."""
    swapped = 'await ctx.run("b", 2)\nawait ctx.run("a", 1)\nreturn 0'
    other = "ctx.run('b')" if steps == 0 else "ctx.run('a')"
    assert f"moved past `{other}`" in str(refusal(wf(swapped), wf(MOVED), steps=steps))


def test_of_two_equal_statements_none_can_be_told_once_one_is_gone():
    was = 'await ctx.run("a", 1)\nitems.append(4)\nawait ctx.run("a", 1)\nreturn items'
    one = 'items.append(4)\nawait ctx.run("a", 1)\nreturn items'
    for steps in (0, 1):
        assert "cannot be told" in str(refusal(wf(one), wf(was), steps=steps))


def test_a_copy_of_the_statement_elsewhere_is_not_taken_for_it():
    was = 'got = await ctx.run("a", 1)\nreturn got'
    retry = 'got = True and await ctx.run("a", 1)\nif not got:\n    got = await ctx.run("a", 1)\nreturn got'
    assert "cannot be told" in str(refusal(wf(retry), wf(was), steps=0))


LOOPS = 'for a in items:\n    for b in "xy":\n        await ctx.run("op", 1)\nreturn a, b'


def test_nested_loops_may_not_change_places():
    """The outer variable would have got the items of the inner loop."""
    swapped = LOOPS.replace("for a in items:\n    for b in", "for b in").replace(
        '"xy":\n        ', '"xy":\n    for a in items:\n        '
    )
    assert "with other heads" in str(refusal(wf(swapped), wf(LOOPS), steps=1))


def test_a_loop_over_something_else_is_another_loop():
    assert "with other heads" in str(refusal(wf(LOOPS.replace("in items", "in items[1:]")), wf(LOOPS), steps=1))


def test_a_handler_of_another_error_is_another_handler():
    was = 'try:\n    raise ValueError\nexcept ValueError:\n    await ctx.run("undo")\nreturn 0'
    assert "with other heads" in str(
        refusal(wf(was.replace("except ValueError", "except TypeError")), wf(was), steps=0)
    )


@pytest.mark.parametrize("kind", ["with", "async with"])
def test_a_block_of_another_context_manager_is_another_block(kind):
    was = f"""
class CM:
    def __init__(self, name):
        self.name = name
    def __enter__(self):
        pass
    def __exit__(self, *exc):
        pass
    @durable
    async def __aenter__(self):
        pass
    @durable
    async def __aexit__(self, *exc):
        pass
register(CM, name="found:CM:{kind}")

@durable
async def wf(ctx, items):
    {kind} CM("a"):
        await ctx.run("op")
    return 0
"""
    assert "with other heads" in str(refusal(was.replace('CM("a")', 'CM("b")'), was, steps=0))


def test_a_choice_that_was_made_half_way_is_not_made_again_in_other_cases():
    """The guard of case 2 was being awaited; with a case before it, its number is 3."""
    was = 'match items:\n    case [1]:\n        return 1\n    case _ if await ctx.run("ok", 1):\n        return 2'
    was += "\nreturn 3"
    now = was.replace("    case [1]:", "    case [0]:\n        return 0\n    case [1]:")
    assert migrate(wf(was), wf(was), steps=0) == 2
    assert "choice around it" in str(refusal(wf(now), wf(was), steps=0))


def test_a_jump_that_waits_behind_a_finally_is_not_forgotten():
    """`break` was on its way; code without it would have gone round once more."""
    was = 'for x in items:\n    try:\n        break\n    finally:\n        await ctx.run("f", 1)\nreturn x'
    assert migrate(wf(was), wf(was), steps=0) == 1
    assert "with other heads" in str(refusal(wf(was.replace("        break", "        pass")), wf(was), steps=0))


def test_a_group_of_other_branches_is_another_group():
    """Two results would have been unpacked into three variables."""
    was = 'a, b = await ctx.all([ctx.run("a", 1), ctx.run("b", 2)])\nreturn a'
    now = 'a, b, c = await ctx.all([ctx.run("a", 1), ctx.run("b", 2), ctx.run("c", 3)])\nreturn a'
    assert "does not say which operation" in str(refusal(wf(now), wf(was), steps=0))


# ------------------------------------------------------------------ variables


def test_a_variable_that_becomes_captured_keeps_its_value():
    """It was lost: today's code looks for it in a cell, and the checkpoint had none."""
    was = 'n = 5\nawait ctx.run("a", 1)\nreturn n'
    now = 'n = 5\nawait ctx.run("a", 1)\nf = lambda: n + 1\nreturn n, f()'
    assert migrate(wf(now), wf(was), steps=0) == (5, 6)


def test_a_variable_that_is_no_longer_captured_keeps_its_value():
    was = 'n = 5\nf = lambda: n + 1\nm = f()\nawait ctx.run("a", 1)\nreturn n, m'
    now = 'n = 5\nm = n + 1\nawait ctx.run("a", 1)\nreturn n, m'
    assert migrate(wf(now), wf(was), steps=0) == (5, 6)


def test_a_captured_variable_that_the_checkpoint_does_not_hold_is_named():
    was = 'await ctx.run("a", 1)\nreturn 0'
    now = 'n = 5\nawait ctx.run("a", 1)\nreturn n + (lambda: n)()'
    error = refusal(wf(now), wf(was), steps=0)
    assert error.facts["missing"] == ["n"]


def test_a_variable_that_is_surely_set_today_and_was_not_then_is_missing():
    """The run would have failed with an UnboundLocalError that no run of the new code ever meets."""
    was = 'if not items:\n    note = 1\nawait ctx.run("a", 1)\nif not items:\n    return note\nreturn 0'
    now = 'note = 0\nif not items:\n    note = 1\nawait ctx.run("a", 1)\nreturn note'
    assert refusal(wf(now), wf(was), steps=0).facts["missing"] == ["note"]
    assert migrate(wf(was.replace("return 0", "return 1")), wf(was), steps=0) == 1


def test_a_helper_that_has_not_begun_needs_its_new_parameters_too():
    was = """
@durable
async def helper(ctx, a):
    return await ctx.run("h", a)

@durable
async def wf(ctx, items):
    later = helper(ctx, 1)
    await ctx.run("first", 1)
    return await later
"""
    assert migrate(was, was, steps=0) == 10
    now = (
        was.replace("ctx, a)", "ctx, a, b)", 1)
        .replace('"h", a', '"h", a + b')
        .replace("helper(ctx, 1)", "helper(ctx, 1, 2)")
    )
    assert refusal(now, was, steps=0).facts["missing"] == ["b"]


def test_of_two_nested_functions_with_one_name_the_other_is_not_taken():
    was = """
@durable
async def wf(ctx, items):
    def f():
        return 1
    first = f
    def f():
        return 2
    await ctx.run("a", 1)
    return first(), f()
"""
    assert migrate(was, was, steps=0) == (1, 2)
    now = was.replace("    def f():\n        return 1\n    first = f\n", "    first = len\n")
    refusal(now, was, steps=0)

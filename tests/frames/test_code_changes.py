"""A run that is resumed under changed code goes on, or says exactly why it cannot (G16)."""

from __future__ import annotations

import pytest

from tests.frames.helpers import module
from tests.frames.toy_engine import Ctx, Workflow
from weft_core.errors import CodeChangedError, UnknownFunctionError
from weft_core.frames import REGISTRY
from weft_core.frames.labels import stmt_hash

V1 = """
@durable
async def wf(ctx, items):
    out = []
    for x in items:
        a = await ctx.run("first", x)
        b = await ctx.run("second", a)
        out.append(b)
    return out
"""
SECOND = '        b = await ctx.run("second", a)'


def migrate(v2, v1=V1, steps=3, name="migrating"):
    """Run v1 for some steps, crash, go on under v2. With V1 and 3 steps it waits for "second" of the second item."""
    w = Workflow.start(Ctx(), module(v1, name).wf, [1, 2, 3])
    for _ in range(steps):
        w.step(ten_times)
    data = w.snapshot()
    w.evict()
    module(v2, name)
    w = Workflow.restore(data, Ctx())
    while not w.done:
        w.step(ten_times)
    return w.result()


def ten_times(op):
    return op.args[0] * 10


def refusal(*args, **kwargs):
    """The facts and message of the CodeChangedError of a migration."""
    with pytest.raises(CodeChangedError) as caught:
        migrate(*args, **kwargs)
    return caught.value


def test_unchanged_code_goes_on():
    assert migrate(V1) == [100, 200, 300]


def test_unrelated_edits_before_inside_and_after_keep_the_place():
    assert migrate("""
        # a comment

        import math
        @durable
        async def wf(ctx, items):
            '''doc'''
            out = []
            print_ = len
            await ctx.run("before", 0)
            for x in items:
                a = await ctx.run("first", x)
                a = a + 0
                b = await ctx.run("second", a)
                c = await ctx.run("third", b)
                out.append(c)
            out.append(-1)
            return out
    """) == [100, 2000, 3000, -1]


def test_an_await_may_move_into_an_if():
    moved = '        if True:\n            b = await ctx.run("second", a)'
    assert migrate(V1.replace(SECOND, moved)) == [100, 200, 300]


def test_a_place_that_is_gone_is_named_with_what_there_is_now():
    error = refusal(V1.replace('"second"', '"zwei"'))
    assert error.facts["function"] == "wf"
    assert error.facts["old"] == "ctx.run('second')"
    assert "ctx.run('zwei')" in str(error)


def test_a_loop_around_the_place_must_stay():
    assert "`for`" in str(refusal(V1.replace("    for x in items:", "    x = items[0]\n    if x:")))


def test_a_second_place_of_the_same_name_is_a_doubt_if_the_statement_changed_too():
    doubled = '        b = await ctx.run("second", a + 0)\n        await ctx.run("second", b)'
    assert "distinct names" in str(refusal(V1.replace(SECOND, doubled)))


def test_among_several_places_of_one_name_the_statement_decides():
    assert migrate(V1.replace(SECOND, SECOND + '\n        await ctx.run("second", b)')) == [100, 200, 300]


def test_a_variable_that_the_checkpoint_does_not_hold_is_named():
    v2 = V1.replace("    out = []", "    out = []\n    total = 0").replace("out.append(b)", "total += b; out.append(b)")
    assert "total" in str(refusal(v2))


def test_a_coroutine_function_cannot_become_a_generator():
    assert "gen" in str(refusal(V1.replace("async def wf", "def wf").replace("await", "yield from")))


def test_a_half_evaluated_expression_must_stay_as_it_is():
    v1 = V1.replace("out.append(b)", 'out.append((b + 1) * await ctx.run("third", b))')
    assert migrate(v1, v1, steps=2) == [101 * 1000, 201 * 2000, 301 * 3000]
    assert "rewritten" in str(refusal(v1.replace("(b + 1) *", "(b + 2) *"), v1, steps=2))


def test_a_function_that_is_not_registered_is_named():
    w = Workflow.start(Ctx(), module(V1, "gone").wf, [1])
    data = w.snapshot()
    w.evict()
    del REGISTRY["gone:wf"]
    with pytest.raises(UnknownFunctionError, match="gone:wf"):
        Workflow.restore(data, Ctx())


def test_a_renamed_function_is_found_by_the_name_it_keeps():
    v1 = V1.replace("@durable", "@durable(name='orders.v1')")
    assert migrate(v1.replace("async def wf(", "wf = None\nasync def other(").replace("wf = None\n", ""), v1) == [
        100,
        200,
        300,
    ]


TWO_OF_A_NAME = """
@durable
async def wf(ctx, items):
    a = await ctx.run("s", 1)
    b = await ctx.run("s", 2)
    return a, b
"""


def test_places_of_one_name_may_get_another_before_them():
    v2 = TWO_OF_A_NAME.replace("    a =", '    z = await ctx.run("s", 0)\n    a =')
    assert migrate(v2, TWO_OF_A_NAME, steps=1) == (10, 20)
    assert "items" in str(refusal(v2.replace("return a, b", "return a, b, items"), TWO_OF_A_NAME, steps=1))


NESTED = """
@durable
async def wf(ctx, items):
    k = 2
    f = lambda x: x + k
    async def sub(x):
        return await ctx.run("sub", x) + 1
    xs = [f(await ctx.run("c", x)) + await sub(x) for x in items]
    return xs, f(1)
"""


def test_comprehensions_and_lambdas_are_found_by_their_text():
    before = "    g = lambda y: y\n    zs = [await ctx.run('c', g(z)) for z in items]\n    xs ="
    assert migrate(NESTED.replace("    xs =", before), NESTED) == migrate(NESTED, NESTED)


def test_a_changed_comprehension_or_lambda_is_refused():
    assert "listcomp" in str(refusal(NESTED.replace("for x in items]", "for x in items if x]"), NESTED))
    assert "lambda" in str(refusal(NESTED.replace("x + k", "x - k"), NESTED))


def test_a_named_nested_function_may_be_edited_but_not_renamed():
    assert migrate(NESTED.replace('("sub", x) + 1', '("sub", x) + 1 + 0'), NESTED) == migrate(NESTED, NESTED)
    refusal(NESTED.replace("sub(", "sub2("), NESTED, steps=4)


VERSIONED = """
@durable
async def wf(ctx, items):
    name = f"{ctx!r:>{items}}-{items=}"
    async def sub(x):
        return [await ctx.run(f"{x:{name}}", y) async for y in x]
    return [await sub(f"a{x}") for x in items], {k: v for k in items for v in await sub(k)}
"""


def test_hashes_and_labels_are_the_same_in_every_python_version():
    """Or an upgrade of Python would hold every parked run."""
    plans = module(VERSIONED).wf.__durable__.plans
    found = {p.path: (p.hash, [(x.id, stmt_hash(x)) for x in p.labels]) for p in plans.values()}
    assert found == EXPECTED


EXPECTED = {
    "": ("c947ad23294e", [("listcomp items ~86b91e", "fc0caa91a211"), ("dictcomp items ~243976", "fc0caa91a211")]),
    ".listcomp0": ("86b91ecb917a", [("sub()", "86e204da8689")]),
    ".dictcomp1": ("2439769caa94", [("sub(k)", "ee1e460cc6d0")]),
    "sub": ("b99be83ec8c2", [("listcomp x ~64a207", "32e2fb960e7a")]),
    "sub/.listcomp0": ("64a207109fd1", [("async for .it", "6fc27de62a67"), ("ctx.run()", "66b9e7a2111f")]),
}

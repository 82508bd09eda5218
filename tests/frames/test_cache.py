"""The build-time cache: what ``weft compile`` makes behaves like what is compiled at registration, or is not used."""

from __future__ import annotations

import compileall
import importlib
import itertools
import marshal
import sys
import traceback

import pytest

from tests.frames.helpers import echo, every_single_crash
from tests.frames.interpreters import pythons, run_python
from tests.frames.test_source import FUNCTION, SHOP
from tests.frames.toy_engine import Ctx, Workflow, run
from weft_core import load_source
from weft_core.errors import CodeChangedError, SourceUnavailableError, TransformError
from weft_core.frames import mentions_of, source_of
from weft_core.frames.cache.freeze import compile_module
from weft_core.frames.cache.stored import StoredModule, this_python

EVERYTHING = '''
from contextlib import asynccontextmanager
from weft_core.codec import register
from weft_core.frames import durable


class Base:
    @durable
    async def double(self, ctx, n):
        return 2 * await ctx.run("double", n)


@register
class Part(Base):
    def __init__(self, kept):
        self.__kept = kept

    @durable
    async def double(self, ctx, n=3, *rest, extra: int = 4, **more):
        """Private names and super()."""
        self.__kept += await ctx.run("part", n)
        return await super().double(ctx, self.__kept) + extra + sum(rest)

    @durable
    async def __aenter__(self):
        return self

    @durable
    async def __aexit__(self, *error):
        self.__kept += 1


@durable
def count(ctx, n):
    for i in range(n):
        got = yield i
        yield from [got, i]


@durable
async def stream(ctx, n):
    for i in range(n):
        yield await ctx.run("stream", i)


def made(offset):
    @durable
    async def inner(ctx, x):
        nonlocal offset
        offset += await ctx.run("inner", x)
        return offset
    return inner


@durable
async def everything(ctx):
    seen = []
    part = Part(1)
    async with part as p:
        seen.append(await p.double(ctx, 5, 6, extra=7))
    async for x in stream(ctx, 3):
        seen.append((x, [lambda: x, lambda: seen][0]()))
    seen.append([await made(10)(ctx, i) + k for i in range(2) if await ctx.run("keep", 1) for k in (1, 2)])
    seen.append({i async for i in stream(ctx, 2)})
    numbers = count(ctx, 2)
    seen.append(next(numbers))
    total = 0

    async def local(n):
        nonlocal total
        total += await ctx.run("local", n)
        return lambda m: m + total

    add = await local(4)
    for attempt in range(2):
        try:
            if (got := await ctx.run("try", attempt)) == 0:
                raise ValueError("first")
        except* ValueError as group:
            seen.append(str(await ctx.run("handler", len(group.exceptions))))
        finally:
            seen.append(add(await ctx.run("finally", attempt)))
    match await ctx.run("match", 2), numbers.send("sent"):
        case 2, what if await ctx.run("guard", 1):
            seen.append(f"{what!r:>8}{await ctx.run('f', 1)}")
    while (await ctx.run("w", total)) < 5 and 0 < await ctx.run("c", 1) < 3:
        total += 1
    else:
        seen.append("end")
    return [s() if callable(s) else s for s in seen], total, list(numbers)
'''
_numbers = itertools.count(1)


@pytest.fixture
def loaded():
    """Load text under a name of its own, with or without its cache."""
    before = set(sys.modules)

    def load(text, compiled=None, name=None):
        return load_source(name or f"weft_cache_{next(_numbers)}", text, compiled=compiled)

    yield load
    for name in set(sys.modules) - before:
        del sys.modules[name]


def from_cache(fn):
    return not hasattr(fn.__durable__.plan, "node")


def cached(text):
    return compile_module(text, "elsewhere.py").to_bytes()


# ------------------------------------------------------------------ the same as compiled at registration


def test_cached_functions_resume_exactly(loaded):
    compiled, stored = loaded(EVERYTHING), loaded(EVERYTHING, cached(EVERYTHING))
    assert from_cache(stored.everything) and not from_cache(compiled.everything)
    wanted = run(compiled.everything, do=echo)
    assert every_single_crash(stored.everything) == wanted


def test_cached_functions_know_all_that_compiled_ones_know(loaded):
    compiled, stored = loaded(EVERYTHING), loaded(EVERYTHING, cached(EVERYTHING))
    for name in ("everything", "count", "stream", "Part.double", "Part.__aenter__", "Base.double"):
        first, second = (_attribute(m, name) for m in (compiled, stored))
        assert _facts(first) == _facts(second)
        assert mentions_of(first) == mentions_of(second)
        assert source_of(first).text == source_of(second).text


def _attribute(module, dotted):
    for part in dotted.split("."):
        module = getattr(module, part)
    return module


def _facts(fn):
    from weft_core.frames.labels import exact_hash, label_sig, stmt_hash

    root = fn.__durable__
    names = ("name", "path", "kind", "hash", "pretty", "is_comp", "captured", "free", "env", "cells", "params")
    more = ("user_locals", "names", "stores", "needs_ev")
    out = {"root": (root.qualname, root.lineno, root.end_lineno, root.flags, root.cls)}
    for path, plan in root.plans.items():
        labels = [
            (x.n, x.lineno, x.text, x.id, x.count, x.path, x.save, x.soft, stmt_hash(x), label_sig(x), exact_hash(x))
            for x in (plan.labels if plan.durable else [])
        ]
        out[path] = [getattr(plan, n) for n in (*names, *more)], labels, plan.parent and plan.parent.path
    return out


def test_a_checkpoint_of_compiled_code_goes_on_in_cached_code_and_back(loaded, monkeypatch):
    """Byte for byte the same checkpoint, at every suspension point."""
    roots = {}
    monkeypatch.setattr(sys.modules["weft_core.frames.durable"], "_roots", roots)
    text, name = EVERYTHING, "weft_cache_swap"
    data, points = cached(text), 0
    w = Workflow.start(Ctx(), loaded(text, name=name).everything)
    while not w.done:
        snapshot = w.snapshot()
        w.evict()
        roots.clear()  # as in another process: what was compiled before is forgotten
        module = loaded(text, data if points % 2 == 0 else None, name=name)
        assert from_cache(module.everything) == (points % 2 == 0)
        w = Workflow.restore(snapshot, Ctx())
        assert w.snapshot() == snapshot
        w.step(echo)
        points += 1
    assert points == 25
    assert w.result() == run(module.everything, do=echo)


BEFORE = """
from weft_core.frames import durable

@durable
async def wf(ctx):
    kept = await ctx.run("a", 1)
    for i in range(2):
        if kept:
            other = i
        await ctx.run("b", i)
    return kept, other, "old"
"""
CHANGES = {
    "captured now": BEFORE.replace('other, "old"', '(lambda: other + kept)(), "new"'),
    "a variable it does not have": BEFORE.replace("for i in", "more = 5\n    for i in").replace('"old"', "more"),
    "a variable it may not have": BEFORE.replace("other = i", "other = more = i").replace('"old"', "more"),
    "another operation": BEFORE.replace('"b"', '"c"'),
    "moved": BEFORE.replace("for i", "print(end='')\n    for i"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_cached_functions_decide_about_changed_code_as_compiled_ones_do(loaded, name):
    """G16: also what only the syntax tree can tell, which the cache does not have."""
    old = loaded(BEFORE, name="weft_cache_changed").wf
    w = Workflow.start(Ctx(), old)
    w.step(echo)
    snapshot = w.snapshot()
    w.evict()
    outcomes = []
    for data in (None, cached(CHANGES[name])):
        sys.modules["weft_core.frames.durable"]._roots.clear()
        assert from_cache(loaded(CHANGES[name], data, name="weft_cache_changed").wf) == (data is not None)
        outcomes.append(_outcome(snapshot))
    assert outcomes[0] == outcomes[1]


def _outcome(snapshot):
    try:
        w = Workflow.restore(snapshot, Ctx())
        while not w.done:
            w.step(echo)
        return w.result()
    except (CodeChangedError, NameError) as error:
        return type(error).__name__, str(error)


def test_tracebacks_of_cached_functions_show_the_place_where_they_were_loaded(loaded):
    shop = loaded(SHOP, cached(SHOP), "shop")
    for crash in (None, lambda i: True):
        with pytest.raises(TypeError) as caught:
            run(shop.shop, do=lambda op: None, crash=crash)
        shown = "".join(traceback.format_exception(caught.value))
        assert 'shop.py", line 15, in shop\n    total += await price(ctx, n)' in shown
        assert 'shop.py", line 7, in price\n    return await ctx.run("price", n) * 2' in shown
        assert "elsewhere" not in shown


def test_a_function_that_cannot_be_durable_is_left_to_its_registration(loaded):
    text = SHOP + "\n\nasync def bad(ctx):\n    try:\n        pass\n    except (await ctx.run('x')):\n        pass\n"
    data = cached(text)
    assert from_cache(loaded(text, data).shop)
    with pytest.raises(TransformError, match="type expression"):
        loaded(text + "\n\ndurable(bad)\n", cached(text + "\n\ndurable(bad)\n"))


def test_activities_and_functions_inside_durable_ones_have_no_entry():
    text = "@activity\nasync def a(n): ...\n@x.activity(retry=1)\nasync def b(n): ...\nasync def c(n): ...\n" + SHOP
    assert compile_module(text, "x.py").count == 2
    assert compile_module(text + "again = durable(c)\n", "x.py").count == 3


# ------------------------------------------------------------------ never used when stale


@pytest.mark.parametrize("edit", ["* 2", "# a comment", "\n"], ids=["code", "comment", "line"])
def test_a_cache_of_other_source_is_not_used(loaded, edit):
    new = SHOP.replace("* 2", "* 3") if edit == "* 2" else SHOP + edit
    shop = loaded(new, cached(SHOP)).shop
    assert not from_cache(shop)
    assert run(shop, do=echo) == (109 if edit == "* 2" else 106)


def test_a_cache_of_another_python_or_another_weft_gives_its_source_only(loaded):
    module = StoredModule.from_bytes(cached(SHOP))
    (mine,) = module.compiled
    assert mine == this_python()
    for other in (mine.replace("cpython", "other"), mine.replace("0.", "9.", 1) + "x"):
        data = StoredModule(module.text, {other: module.compiled[mine]}).to_bytes()
        shop = loaded(SHOP, data).shop
        assert not from_cache(shop)
        assert run(shop, do=echo) == 106


@pytest.mark.parametrize("data", [b"", b"weft", b"\x93\x01\x02\x03", marshal.dumps({})])
def test_a_cache_in_an_unknown_format_is_ignored(loaded, data):
    assert run(loaded(SHOP, data).shop, do=echo) == 106


def test_caches_built_by_several_pythons_are_one_file(loaded):
    mine = StoredModule.from_bytes(cached(SHOP))
    weft = "/".join(this_python().split("/")[2:])
    theirs = StoredModule(mine.text, {f"cpython-399/00/{weft}": b"?", "cpython-398/00/0.0.1/1": b"of an older Weft"})
    both = StoredModule.from_bytes(mine.merged(theirs).to_bytes())
    assert len(both.compiled) == 2
    assert from_cache(loaded(SHOP, both.to_bytes()).shop)
    assert mine.merged(StoredModule("other text\n", {"x": b""})).compiled.keys() == mine.compiled.keys()


# ------------------------------------------------------------------ without source


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    """Make a folder with ``shop.pyc`` and no source, and import it."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)

    def load(cache=None, optimize=-1, text=SHOP):
        file = tmp_path / "shop.py"
        file.write_text(text)
        assert compileall.compile_file(file, legacy=True, quiet=1, optimize=optimize, force=True)
        file.unlink()
        if cache is not None:
            (tmp_path / "shop.weft").write_bytes(cache)
        importlib.invalidate_caches()
        return importlib.import_module("shop")

    yield load
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_without_source_a_registration_says_which_file_and_function_and_what_to_ship(bundle):
    with pytest.raises(SourceUnavailableError) as caught:
        bundle()
    assert caught.value.facts["function"] == "price"
    assert caught.value.facts["filename"].endswith("shop.py:5")
    assert "shop.weft that `weft compile` makes" in str(caught.value)


@pytest.mark.parametrize("optimize", [-1, 0, 1, 2])
@pytest.mark.parametrize("same_python", [True, False], ids=["compiled", "source-only"])
def test_without_source_the_cache_is_enough(bundle, optimize, same_python):
    text = SHOP.replace("total = 0", "assert ctx\n    total = 0")
    data = cached(text)
    if not same_python:
        data = StoredModule(text, {}).to_bytes()
    shop = bundle(data, optimize, text).shop
    assert from_cache(shop) == same_python
    assert every_single_crash(shop) == 106
    assert source_of(shop).text == FUNCTION.replace("total = 0", "assert ctx\n    total = 0")
    with pytest.raises(TypeError) as caught:
        run(shop, do=lambda op: None)
    assert 'line 7, in price\n    return await ctx.run("price", n) * 2' in "".join(
        traceback.format_exception(caught.value)
    )


def test_without_source_a_cache_of_other_source_is_refused(bundle):
    with pytest.raises(SourceUnavailableError, match="made from other source") as caught:
        bundle(cached(SHOP.replace("* 2", "* 3")))
    assert "weft compile" in str(caught.value)


def test_a_cache_made_by_another_python_serves_this_one(tmp_path, loaded):
    """G20 for code: what one version compiled is source for the others, and code for its own."""
    others = [path for version, path in pythons() if version != sys.version_info[:2]]
    script = tmp_path / "build.py"
    script.write_text(
        "import sys\n"
        "from weft_core.frames.cache.freeze import compile_module\n"
        "open(sys.argv[2], 'wb').write(compile_module(open(sys.argv[1]).read(), 'shop.py').to_bytes())\n"
    )
    (tmp_path / "shop.py").write_text(SHOP)
    for i, python in enumerate([sys.executable, *others]):
        run_python(script, tmp_path / "shop.py", tmp_path / f"shop{i}.weft", python=python, check=0)
        data = (tmp_path / f"shop{i}.weft").read_bytes()
        shop = loaded(SHOP, data).shop
        assert from_cache(shop) == (i == 0)
        assert every_single_crash(shop) == 106

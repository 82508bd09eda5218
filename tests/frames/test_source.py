"""Where the source of durable functions may come from: files, zips, text, notebook cells, prompts; and where not."""

from __future__ import annotations

import importlib
import inspect
import linecache
import os
import sys
import traceback
import zipfile

import pytest

from tests.frames.helpers import both, echo
from tests.frames.interpreters import pythons, run_python, run_terminal
from tests.frames.toy_engine import Ctx, Workflow, run
from weft_core import load_source
from weft_core.engine.code import registered_sources
from weft_core.errors import CodeChangedError, DefinitionError, SourceUnavailableError
from weft_core.frames import durable, source_of

SHOP = '''"""A shop."""
from weft_core.frames import durable


@durable
async def price(ctx, n):
    return await ctx.run("price", n) * 2


@durable
async def shop(ctx):
    """Sells."""
    total = 0
    for n in range(3):
        total += await price(ctx, n)
    add = lambda x: x + total
    await ctx.run("pay")
    return add(100)
'''
FUNCTION = SHOP[SHOP.index("@durable\nasync def shop") :]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder on sys.path; modules imported from it are forgotten afterwards."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def keeps_its_source(module):
    """It runs, resumes everywhere, is kept beside its runs, and debugging tools find it."""
    assert both(module.shop) == 106
    assert source_of(module.shop).text == FUNCTION
    assert ["shop", "shop.py", 10, FUNCTION] in registered_sources([])
    assert inspect.getsource(module.shop) == FUNCTION
    return True


# ------------------------------------------------------------------ files and zips


def test_a_file(folder):
    (folder / "shop.py").write_text(SHOP)
    assert keeps_its_source(importlib.import_module("shop"))


def test_a_file_that_was_edited_is_compiled_as_it_is_when_it_is_loaded_again(folder):
    file = folder / "shop.py"
    file.write_text(SHOP)
    module = importlib.import_module("shop")
    traceback.format_exception(_error_of(module))  # linecache has the lines now
    os.utime(file, (1, 1))
    file.write_text(SHOP.replace("* 2", "* 30"))
    assert both(importlib.reload(module).shop) == 100 + 3 * 30


def _error_of(module):
    with pytest.raises(TypeError) as caught:
        run(module.shop, do=lambda op: None)
    return caught.value


def test_a_zip_on_the_path(folder):
    with zipfile.ZipFile(folder / "app.zip", "w") as archive:
        archive.writestr("shop.py", SHOP)
    sys.path.insert(0, str(folder / "app.zip"))
    try:
        module = importlib.import_module("shop")
    finally:
        sys.path.remove(str(folder / "app.zip"))
    assert "app.zip" in module.__file__
    assert keeps_its_source(module)
    assert "total += await price(ctx, n)" in "".join(traceback.format_exception(_error_of(module)))


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8-sig"])
def test_a_file_in_another_encoding(folder, encoding):
    text = SHOP.replace('"pay"', '"päy"')
    head = "" if encoding == "utf-8-sig" else f"# coding: {encoding}\n"
    (folder / "shop.py").write_bytes((head + text).encode(encoding))
    module = importlib.import_module("shop")
    assert both(module.shop) == 106
    assert 'ctx.run("päy")' in source_of(module.shop).text


def test_one_function_compiled_under_two_keys_is_the_same_function_twice(folder):
    """Compiling rewrites the syntax tree: the second time it must not begin with what the first one left."""
    (folder / "shop.py").write_text(SHOP.replace("@durable\nasync def shop", "async def shop"))
    module = importlib.import_module("shop")
    first, second = (durable(module.shop, name=f"shop:{key}").__durable__ for key in "ab")
    assert (first.key, second.key) == ("shop:a", "shop:b")
    assert [p.hash for p in first.plans.values()] == [p.hash for p in second.plans.values()]
    assert first.plan.live_code == second.plan.live_code
    assert [x.id for x in first.plan.labels] == [x.id for x in second.plan.labels]


def test_lines_are_those_of_the_compiler_also_where_text_holds_other_line_ends(folder):
    """A form feed or a U+2028 ends a line for ``str.splitlines``, which linecache uses for zips and loaders."""
    text = SHOP.replace('"""A shop."""', '"""A shop.\x0c \u2028 """').replace('"pay"', '"p\x0cay"')
    with zipfile.ZipFile(folder / "app.zip", "w") as archive:
        archive.writestr("shop.py", text.encode())
    sys.path.insert(0, str(folder / "app.zip"))
    try:
        module = importlib.import_module("shop")
    finally:
        sys.path.remove(str(folder / "app.zip"))
    assert both(module.shop) == 106
    assert source_of(module.shop).text == FUNCTION.replace('"pay"', '"p\x0cay"')


# ------------------------------------------------------------------ text


@pytest.fixture
def loaded():
    before = set(sys.modules)
    yield load_source
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_text(loaded):
    module = loaded("shop", SHOP)
    assert sys.modules["shop"] is module
    assert keeps_its_source(module)
    linecache.clearcache()
    shown = "".join(traceback.format_exception(_error_of(module)))
    assert 'shop.py", line 15, in shop\n    total += await price(ctx, n)' in shown


def test_text_in_a_dotted_module(loaded):
    assert both(loaded("site.parts.shop", SHOP).shop) == 106


def test_text_loaded_again_replaces_the_module_and_old_functions_keep_their_lines(loaded):
    first = loaded("shop", SHOP)
    error = _error_of(first)
    second = loaded("shop", "\n\n" + SHOP.replace("* 2", "* 3"))
    assert sys.modules["shop"] is second
    assert both(second.shop) == 109
    shown = "".join(traceback.format_exception(error))
    assert 'line 7, in price\n    return await ctx.run("price", n) * 2' in shown


def test_a_run_of_the_text_before_goes_on_in_the_new_text_if_it_fits(loaded):
    data = _suspended(loaded("shop", SHOP))
    loaded("shop", SHOP.replace("* 2", "* 30"))
    assert _finish(data) == 100 + 0 * 30 + 1 * 30 + 2 * 30
    loaded("shop", SHOP.replace('ctx.run("price", n)', 'ctx.run("cost", n)'))
    with pytest.raises(CodeChangedError, match="no longer exists"):
        _finish(data)


def _suspended(module):
    w = Workflow.start(Ctx(), module.shop)
    data = w.snapshot()
    w.evict()
    return data


def _finish(data):
    w = Workflow.restore(data, Ctx())
    while not w.done:
        w.step(echo)
    return w.result()


def test_text_that_raises_leaves_the_module_that_was_there(loaded):
    module = loaded("shop", SHOP)
    with pytest.raises(ZeroDivisionError) as caught:
        loaded("shop", SHOP + "1 / 0\n")
    assert sys.modules["shop"] is module
    assert "1 / 0" in "".join(traceback.format_exception(caught.value))
    with pytest.raises(SyntaxError):
        loaded("other_shop", "def")
    assert "other_shop" not in sys.modules


def test_text_does_not_take_the_name_of_an_imported_module():
    with pytest.raises(DefinitionError, match="imported module"):
        load_source("json", SHOP)
    with pytest.raises(DefinitionError, match="letters"):
        load_source("a shop", SHOP)


def test_text_given_to_exec_is_refused_with_the_way_out():
    with pytest.raises(SourceUnavailableError, match=r"load_source") as caught:
        exec(compile(SHOP, "<string>", "exec"), {"__name__": "shop"})
    facts = caught.value.facts
    assert (facts["function"], facts["filename"]) == ("price", "<string>:5")


def test_another_text_under_a_shared_name_is_not_taken_for_the_functions_own():
    """``<string>`` may be the name of many texts: the same name, line and arguments are not enough."""
    other = SHOP.replace("* 2", "* 3")
    linecache.cache["<string>"] = (len(other), None, other.splitlines(True), "<string>")
    try:
        with pytest.raises(SourceUnavailableError, match="edited"):
            exec(compile(SHOP, "<string>", "exec"), {"__name__": "shop"})
        namespace = {"__name__": "shop"}
        exec(compile(other, "<string>", "exec"), namespace)
    finally:
        del linecache.cache["<string>"]
    assert run(namespace["shop"], do=echo) == 109


# ------------------------------------------------------------------ notebooks

CELLS = '''
import sys
from IPython.core.interactiveshell import InteractiveShell
from tests.frames.test_source import FUNCTION, _finish, _suspended
from tests.frames.helpers import both, echo
from tests.frames.toy_engine import Ctx, Workflow, run
from weft_core.engine.code import registered_sources
from weft_core.errors import CodeChangedError
from weft_core.frames import durable, source_of

shell = InteractiveShell.instance(history_length=0)
{naming}
import types
sys.modules["__main__"].__dict__.update(shell.user_ns)

def cell(text):
    done = shell.run_cell(text, store_history=True)
    done.raise_error()
    return types.SimpleNamespace(**shell.user_ns)

SHOP = """
{price}
"""
before = cell(SHOP)
before = cell(FUNCTION)
print("FILE", before.shop.__code__.co_filename)
assert both(before.shop) == 106
assert source_of(before.shop).text == FUNCTION
assert FUNCTION in [text for *_, text in registered_sources([])]
data = _suspended(before)

# a cell run again, and one that was edited
again = cell(FUNCTION)
assert both(again.shop) == 106
assert source_of(before.shop).text == FUNCTION
later = cell(FUNCTION.replace("x + total", "x + 2 * total"))
assert both(later.shop) == 112
assert run(before.shop, do=echo) == 106, "the definition before still runs"
assert _finish(data) == 112, "the later definition wins"
cell(SHOP.replace('"price", n', '"cost", n'))
try:
    _finish(data)
except CodeChangedError as error:
    print("CHANGED", error)
else:
    print("CHANGED not seen")

# tracebacks show the cell
import traceback
try:
    run(before.shop, do=lambda op: None)
except TypeError as error:
    shown = "".join(traceback.format_exception(error))
    assert "total += await price(ctx, n)" in shown, shown
cell(SHOP)
# a cell that awaits at its top level is compiled as a coroutine; functions in it are what they are
shell.autoawait = True
top = cell("import asyncio\\nawait asyncio.sleep(0)\\n" + FUNCTION)
assert both(top.shop) == 106
print("DONE")
'''
KERNEL_NAMES = """
import hashlib
named = lambda raw, code, number: f"/tmp/ipykernel_123/{hashlib.md5(code.encode()).hexdigest()}.py"
shell.compile.get_code_name = named
"""


@pytest.mark.parametrize("naming", ["", KERNEL_NAMES], ids=["ipython", "ipykernel"])
def test_cells_of_a_notebook(tmp_path, naming):
    head = SHOP[: SHOP.index("@durable\nasync def shop")].replace('"""A shop."""\n', "")
    script = tmp_path / "notebook.py"
    script.write_text(CELLS.format(naming=naming, price=head))
    out = run_python(script, IPYTHONDIR=str(tmp_path))
    assert ("FILE /tmp/ipykernel_" if naming else "FILE <ipython-input-") in out, out
    assert "CHANGED" in out and "CHANGED not seen" not in out, out
    assert out.rstrip().endswith("DONE"), out


# ------------------------------------------------------------------ prompts and -c

TYPED = """\
from weft_core.frames import durable, source_of
from tests.frames.helpers import both
@durable
async def wf(ctx):
    a = await ctx.run("a", 1)
    return a + 1

print("FIRST", both(wf), repr(source_of(wf).text))
@durable
async def wf(ctx):
    return await ctx.run("b", 7)

print("AGAIN", both(wf))
"""
FIRST = "FIRST 2 " + repr('@durable\nasync def wf(ctx):\n    a = await ctx.run("a", 1)\n    return a + 1\n')


def newest_python():
    """(version, path): one that keeps what is typed, if there is one here."""
    return pythons()[-1]


def test_what_is_typed_at_a_prompt():
    version, python = newest_python()
    out = run_python("-i", input=TYPED, python=python)
    if version >= (3, 13):
        assert FIRST in out and "AGAIN 7" in out, out
    else:
        assert "SourceUnavailableError" in out and "load_source" in out, out


def test_what_is_typed_at_a_prompt_of_this_python():
    out = run_python("-i", input=TYPED)
    if sys.version_info >= (3, 13):
        assert FIRST in out and "AGAIN 7" in out, out
    else:
        assert "SourceUnavailableError" in out and "load_source(name, text)" in out, out


def test_what_is_typed_in_a_terminal():
    version, python = newest_python()
    out = run_terminal([python, "-q"], TYPED + "exit()\n")
    if version >= (3, 13):
        assert "FIRST 2" in out and "AGAIN 7" in out, out
    else:
        assert "SourceUnavailableError" in out, out


@pytest.mark.parametrize("which", ["this", "newest"])
def test_a_program_given_with_c(which):
    version, python = newest_python() if which == "newest" else (sys.version_info[:2], sys.executable)
    program = TYPED.replace("    return a + 1\n\n", "    return a + 1\n").replace("7)\n\n", "7)\n")
    out = run_python("-c", program, python=python)
    if version >= (3, 13):
        assert FIRST in out and "AGAIN 7" in out, out
    else:
        assert "SourceUnavailableError" in out and "<string>:3" in out, out

"""``weft run``: results, complaints and exit codes."""

from __future__ import annotations

import asyncio
import json
import shlex
import signal
from pathlib import Path

import pytest

from tests.cli.conftest import CHECKOUT, ORDER, ROOT, Cli, eventually
from weft_core import Engine, load_source
from weft_server.storage.sqlite import SQLiteStorage

APP = """
from weft_core import Context, RetryPolicy, activity, signal, workflow

go = signal("go")

@activity
async def greet(name: str) -> str:
    return f"Hello, {name}"

@activity(retry=RetryPolicy(max_attempts=1))
async def fail() -> None:
    raise ValueError("no [good]")

@workflow
async def hello(ctx: Context, name: str, times: int = 1) -> list:
    return [await ctx.run(greet, name) for _ in range(times)]

@workflow
async def doomed(ctx: Context) -> None:
    await ctx.run(fail)

@workflow
async def patient(ctx: Context) -> str:
    return await ctx.wait_for_signal(go)
"""

REWRITTEN = """
from weft_core import Context, signal, workflow

@workflow(signals=[signal("go")])
async def patient(ctx: Context) -> str:
    await ctx.sleep("1 hour")
    return "another workflow altogether"
"""


@pytest.fixture(autouse=True)
def app(weft: Cli) -> None:
    (weft.folder / "app.py").write_text(APP)


def test_the_result_is_json_and_alone_on_standard_output(weft: Cli) -> None:
    done = weft("run", "app.py:hello", "--input", '"Ada"')
    assert json.loads(done.stdout) == ["Hello, Ada"]
    assert "greet" in done.stderr
    assert "completed" in done.stderr


def test_quiet_says_nothing_but_the_result(weft: Cli) -> None:
    done = weft("run", "app.py:hello", "--input", '"Ada"', "--quiet")
    assert (done.stdout, done.stderr) == ('["Hello, Ada"]\n', "")


def test_a_list_of_inputs_is_spread_when_asked_for(weft: Cli) -> None:
    assert weft.json("run", "app.py:hello", "--args", "--input", '["Ada", 2]') == ["Hello, Ada", "Hello, Ada"]


def test_a_module_name_works_like_a_file(weft: Cli) -> None:
    assert weft.json("run", "app:hello", "--input", '"Ada"') == ["Hello, Ada"]


def test_a_finished_run_is_asked_for_its_result_again_by_its_id(weft: Cli) -> None:
    first = weft("run", "app.py:hello", "--input", '"Ada"', "--id", "one").stdout
    assert weft("run", "app.py:hello", "--id", "one").stdout == first
    assert len(weft.json("ls", "--json")["items"]) == 1


def test_a_failed_run_ends_with_1_and_its_error_in_one_line(weft: Cli) -> None:
    done = weft("run", "app.py:doomed", code=1)
    assert done.stdout == ""
    assert "ValueError: no [good]" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere.py:hello"], "there is no file 'nowhere.py'"),
        (["app.py:nothing"], "app.py defines no workflow 'nothing'; it defines doomed, hello, patient"),
        (["app.py"], "say which: app.py:NAME, one of doomed, hello, patient"),
        (["app.py:hello", "--input", "{bad"], "--input is not JSON"),
        (["app.py:hello", "--input", '"Ada"', "--args"], "--args needs --input to be a JSON array"),
        (["app.py:hello"], "missing a required argument: 'name'"),
        (["app.py:patient", "--input", "1"], "too many positional arguments"),
        (["app.py:hello", "--input", "1", "--activities", "empty.py"], "empty.py defines no activity"),
        (["json.py:hello"], "has the name of another module (json)"),
        (["my-app.py:hello"], "cannot be imported"),
    ],
)
def test_a_wrong_command_ends_with_2_and_says_what_to_do(weft: Cli, words: list[str], says: str) -> None:
    for name in ("empty.py", "json.py", "my-app.py"):
        (weft.folder / name).write_text("")
    done = weft("run", *words, code=2)
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_an_id_belongs_to_one_workflow_and_one_input(weft: Cli) -> None:
    weft("run", "app.py:hello", "--input", '"Ada"', "--id", "one")
    assert "another input" in weft("run", "app.py:hello", "--input", '"Bob"', "--id", "one", code=2).stderr
    assert "workflow 'hello'" in weft("run", "app.py:patient", "--id", "one", code=2).stderr


def test_ctrl_c_parks_the_run_and_says_how_to_go_on(weft: Cli) -> None:
    process = weft.start("run", "app.py:patient", "--id", "p-1")
    eventually(lambda: weft.waits_for("p-1", "go"), "the run waits", process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert "parked: run p-1 waits for signal go" in err
    command = shlex.split(err.strip().splitlines()[-1])
    assert command[:2] == ["weft", "run"]
    weft("signal", "p-1", "go", '"on"')
    assert weft.json(*command[1:]) == "on"


def test_ctrl_c_that_arrives_twice_is_one_wish(weft: Cli) -> None:
    process = weft.start("run", "app.py:patient", "--id", "p-1")
    eventually(lambda: weft.waits_for("p-1", "go"), "the run waits", process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "parked: run p-1" in err


def test_sigterm_parks_too(weft: Cli) -> None:
    process = weft.start("run", "app.py:patient", "--id", "p-1")
    eventually(lambda: weft.waits_for("p-1", "go"), "the run waits", process)
    process.terminate()
    process.communicate(timeout=10)
    assert process.returncode == 143


def test_a_run_that_waits_for_a_signal_says_how_to_send_it(weft: Cli) -> None:
    process = weft.start("run", "app.py:patient", "--id", "p-1")
    assert process.stderr is not None
    said = ""
    while "weft signal p-1 go" not in said:
        line = process.stderr.readline()
        assert line, f"it ended: {said}"
        said += line


def test_a_store_in_use_is_refused_by_name_and_left_alone(weft: Cli) -> None:
    """G11: the second process does not fence the first by accident."""
    process = weft.start("run", "app.py:patient", "--id", "p-1")
    eventually(lambda: weft.waits_for("p-1", "go"), "the run waits", process)
    refused = weft("run", "app.py:hello", "--input", '"Ada"', code=5)
    assert f"in use by another process ({process.pid})" in refused.stderr
    weft("signal", "p-1", "go", "7")
    out, _ = process.communicate(timeout=10)
    assert (process.returncode, json.loads(out)) == (0, 7)


def test_new_starts_another_run_beside_an_equal_unfinished_one(weft: Cli) -> None:
    for _ in range(2):
        count = len(weft.runs())
        process = weft.start("run", "app.py:patient", "--new")
        eventually(lambda: len(weft.runs()) > count, "a new run", process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert [run["status"] for run in weft.runs()] == ["running", "running"]


def test_activities_of_another_file_take_the_place_of_those_with_the_same_name(weft: Cli) -> None:
    other = "from weft_core import activity\n@activity\ndef greet(name):\n    return f'Moin, {name}'\n"
    (weft.folder / "other.py").write_text(other)
    assert weft.json("run", "app.py:hello", "--input", '"Ada"', "--activities", "other.py") == ["Moin, Ada"]


def test_the_checkout_example_runs_against_a_real_shop(weft: Cli) -> None:
    """The same workflow file, with the activities of a server: HTTP calls to the demo's shop."""
    import threading

    from weft_server.demo import DemoServer
    from weft_server.shop import Shop

    shop = Shop(latency_ms=5, ledger=None)
    with DemoServer(0, weft.folder, shop) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        weft.env["WEFT_SHOP_URL"] = server.url
        order = json.dumps({**json.loads(ORDER), "confirm": False, "pause": 0.05})
        http = str(ROOT / "examples" / "checkout_http.py")
        assert weft.json("run", CHECKOUT, "--input", order, "--activities", http)["status"] == "shipped"
        server.shutdown()
    assert weft.effects() == []


def test_a_run_whose_code_is_gone_is_held_and_goes_on_when_it_is_back(weft: Cli) -> None:
    """G16: nothing is lost, and the message says what to do."""
    process = weft.start("run", "app.py:patient", "--id", "p-1")
    eventually(lambda: weft.waits_for("p-1", "go"), "the run waits", process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (weft.folder / "app.py").write_text(REWRITTEN)
    weft("signal", "p-1", "go", "1")
    held = weft("run", "app.py:patient", "--id", "p-1", code=4)
    assert "held" in held.stderr
    assert "CodeChangedError" in held.stderr
    (weft.folder / "app.py").write_text("# a comment moves every line\n" + APP)
    assert weft.json("run", "app.py:patient", "--id", "p-1") == 1


def test_the_help_comes_without_loading_the_engine() -> None:
    """`weft --help` must feel instant; what costs time is imported by the commands."""
    import subprocess
    import sys

    script = (
        "import sys, weft_server.cli.app\n"
        "heavy = {'weft_core.engine', 'sqlite3', 'asyncio', 'rich.syntax', 'msgpack'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


STANDING = """
from weft_core import Context, RetryPolicy, activity, signal, workflow

go = signal("go")

@activity(retry=RetryPolicy(max_attempts=1))
async def refund() -> None:
    raise OSError("the bank is closed")

@workflow
async def patient(ctx: Context) -> str:
    return await ctx.wait_for_signal(go)

@workflow
async def undoing(ctx: Context) -> None:
    async with ctx.saga() as saga:
        saga.add(ctx.run(refund))
        raise ValueError("no seat")
"""


async def _prepared(folder: Path) -> None:
    """A store with a run in each status that ``weft run`` may be asked to continue."""
    (folder / "standing.py").write_text(STANDING)
    patient = load_source("standing", STANDING).patient
    async with Engine(storage=SQLiteStorage(folder / "weft.db"), workflows=[patient]) as engine:
        for name in ("suspended", "terminated"):
            await engine.start(patient, id=name)
            await getattr(engine, {"suspended": "suspend", "terminated": "terminate"}[name])(name)
        await engine.start(patient, id="late", execution_timeout=0.01)
        await asyncio.wait_for(asyncio.gather(engine.get_handle("late").result(), return_exceptions=True), 20)
        await engine.start(patient, id="pending", delay="1 hour")


def test_every_status_of_a_run_has_its_words_and_its_exit_code(weft: Cli) -> None:
    asyncio.run(_prepared(weft.folder))
    assert "suspended" in weft("run", "standing.py:patient", "--id", "suspended", code=4).stderr
    assert "terminated" in weft("run", "standing.py:patient", "--id", "terminated", code=3).stderr
    assert "timed_out" in weft("run", "standing.py:patient", "--id", "late", code=1).stderr
    process = weft.start("run", "standing.py:patient", "--id", "pending")
    assert process.stderr is not None
    assert "waiting for run pending to begin" in process.stderr.readline()


def test_a_run_whose_compensation_fails_needs_a_person_and_is_tried_again_when_it_is_continued(weft: Cli) -> None:
    (weft.folder / "standing.py").write_text(STANDING)
    stands = weft("run", "standing.py:undoing", "--id", "u", code=4)
    assert "needs_attention" in stands.stderr and "the bank is closed" in stands.stderr
    (weft.folder / "standing.py").write_text(STANDING.replace('raise OSError("the bank is closed")', "pass"))
    again = weft("run", "standing.py:undoing", "--id", "u", code=1)
    assert "needed attention; trying again" in again.stderr and "no seat" in again.stderr

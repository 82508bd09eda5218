"""A program that is run as a script and one that imports it name things alike, so each continues the other's runs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

APP = """
import dataclasses, enum, sys
from weft_core.codec import register
from weft_core.frames import durable
from weft_core.frames import restore
from weft_core.frames import snapshot

class Kind(enum.Enum):
    ONE = 1

@dataclasses.dataclass
class Order:
    id: str
    kind: Kind = Kind.ONE

class Refused(Exception):
    pass

def double(x):
    return 2 * x

@register(get=lambda w: None, set=lambda w, state: w.__init__())
class Wait:
    def __init__(self): self.asked = False
    def __await__(self): return self
    def __next__(self):
        if self.asked: raise StopIteration
        self.asked = True
    def send(self, value):
        if value is None: return self.__next__()
        raise StopIteration(value)
    def throw(self, *error): raise error[0]
    def close(self): pass

@durable
async def helper(order):
    caught = Refused("no")
    f = double
    got = await Wait()
    return order, type(caught), f(got)

def save(path):
    frame = helper(Order("o-1"))
    frame.send(None)
    open(path, "wb").write(snapshot(frame))

def load(path):
    frame = restore(open(path, "rb").read()).root
    try:
        frame.send(21)
    except StopIteration as done:
        order, error, number = done.value
        print(type(order) is Order, order.kind is Kind.ONE, error is Refused, number)

if __name__ == "__main__":
    {"save": save, "load": load}[sys.argv[1]](sys.argv[2])
"""

AS_SCRIPT = ["app.py"]
AS_MODULE = ["-m", "app"]
IMPORTED = ["-c", "import app, sys; getattr(app, sys.argv[1])(sys.argv[2])"]


@pytest.mark.parametrize(
    "saved", [AS_SCRIPT, AS_MODULE, IMPORTED], ids=["python app.py", "python -m app", "import app"]
)
@pytest.mark.parametrize("loaded", [AS_SCRIPT, AS_MODULE, IMPORTED], ids=["by script", "by -m", "by import"])
def test_a_run_goes_on_however_its_program_is_started(tmp_path, saved, loaded):
    (tmp_path / "app.py").write_text(APP)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}

    def python(how, what):
        command = [sys.executable, *how, what, "run.bin"]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-1500:]
        return done.stdout.strip()

    python(saved, "save")
    assert python(loaded, "load") == "True True True 42"

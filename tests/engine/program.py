"""Programs as text, so that a test can have several versions of one."""

from __future__ import annotations

import itertools
import linecache
import sys
import textwrap
from types import ModuleType

import weft_core
from weft_core.codec.names import _imported

_numbers = itertools.count(1)


def program(source: str, name: str = "shop_program") -> ModuleType:
    """The text as a module of that name, as a new process would import it: what had the name before is forgotten."""
    source = textwrap.dedent(source)
    filename = f"/programs/{name}_{next(_numbers)}.py"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    module = ModuleType(name)
    module.__file__ = filename
    sys.modules[name] = module
    _imported.pop(name, None)
    module.__dict__.update({n: getattr(weft_core, n) for n in ("activity", "durable", "signal", "workflow")})
    exec(compile(source, filename, "exec", dont_inherit=True), module.__dict__)
    return module

"""Loading a program, several times under one name: each world has its own module, functions, classes and compiled code.

A run that goes on in another world than the one it began in shares nothing of the program with it, like a run that goes
on in another process. What is the host's is carried over: the trace and the module's global variables.
"""

from __future__ import annotations

import linecache
import sys
import types

from tests.frames.differential.canonical import canon
from weft_core.codec import allow_module
from weft_core.codec.encoder import LATE, LOWERINGS
from weft_core.codec.names import _ALLOWED, _imported
from weft_core.codec.registry import REGISTERED_NAMES, REGISTERED_TYPES, register
from weft_core.frames import REGISTRY, durable
from weft_core.frames.checkpoint.restore import _known
from weft_core.frames.checkpoint.sites import SITES
from weft_core.frames.durable import _roots
from weft_core.frames.plan import CODES
from weft_core.frames.source import find as source


class World:
    """One loaded copy of a program. Only the active one can be found by names."""

    active: dict[str, World] = {}

    def __init__(self, name, text, decorator=durable, registers=register):
        self.name, self.trace = name, []
        self.filename = f"/differential/{name}.py"
        self.leave_others()
        source._files.pop(self.filename, None)
        for key in [k for k in _roots if k[0] == self.filename]:
            del _roots[key]
        linecache.cache[self.filename] = (len(text), None, text.splitlines(True), self.filename)
        self.module = types.ModuleType(name)
        sys.modules[name] = self.module
        allow_module(name)
        World.active[name] = self

        def T(x):
            self.trace.append(canon(x))
            return x

        T.__module__, T.__qualname__ = name, "T"
        self.module.__dict__.update(T=T, durable=decorator, register=registers)
        exec(compile(text, self.filename, "exec", dont_inherit=True), self.module.__dict__)
        self.found = {}

    # -- which world is found by its names

    def enter(self):
        """From now on names lead here."""
        if World.active.get(self.name) is not self:
            self.leave_others()
            sys.modules[self.name] = self.module
            REGISTRY.update(self.found["functions"])
            REGISTERED_NAMES.update(self.found["classes"])
            World.active[self.name] = self

    def leave_others(self):
        other = World.active.pop(self.name, None)
        if other is None:
            return
        other.found = {
            "functions": {k: v for k, v in REGISTRY.items() if k.startswith(self.name + ":")},
            "classes": {k: v for k, v in REGISTERED_NAMES.items() if v.cls.__module__ == self.name},
        }
        for key in other.found["functions"]:
            del REGISTRY[key]
        for key in other.found["classes"]:
            del REGISTERED_NAMES[key]
        for key in [k for k in _imported if k.startswith(self.name + ":")]:
            del _imported[key]
        _known.clear()

    # -- what the host carries from one to the other

    def reset(self):
        self.carry((1, [7], []))

    def carried(self):
        """A copy of what a crash would not take: the trace and the global variables."""
        m = self.module
        return (getattr(m, "G2", 1), list(getattr(m, "G1", ())), list(self.trace))

    def carry(self, what):
        g2, g1, trace = what
        if hasattr(self.module, "G2"):
            self.module.G2 = g2
        if hasattr(self.module, "G1"):
            self.module.G1[:] = g1
        self.trace[:] = trace


def forget(name):
    """Drop everything that is kept of the worlds of a name."""
    filename = f"/differential/{name}.py"
    World.active.pop(name, None)
    sys.modules.pop(name, None)
    _ALLOWED.discard(name)
    linecache.cache.pop(filename, None)
    source._files.pop(filename, None)
    _known.clear()
    for table, belongs in (
        (_roots, lambda k, v: k[0] == filename),
        (REGISTRY, lambda k, v: k.startswith(name + ":")),
        (CODES, lambda k, v: v[0].co_filename == filename),
        (SITES, lambda k, v: v.plan.root.filename == filename),
        (_imported, lambda k, v: k.startswith(name + ":") or v.__module__ == name),
        (LOWERINGS, lambda k, v: k.__module__ == name),
        (LATE, lambda k, v: k.__module__ == name),
        (REGISTERED_NAMES, lambda k, v: v.cls.__module__ == name),
        (REGISTERED_TYPES, lambda k, v: k.__module__ == name),
    ):
        for key in [k for k, v in table.items() if belongs(k, v)]:
            del table[key]

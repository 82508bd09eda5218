"""What a memory snapshot of the interpreter holds, and what every copy of it does before it is used.

A snapshot is Python's memory and nothing else: no file, no JavaScript object, no C extension of a wheel. So msgpack is
in it as pure Python, and a copy exchanges that for the extension; and a copy has the random state of all other copies.
"""

from __future__ import annotations

import gc
import importlib
import random
import sys

from . import packed

MODULES = (
    "weft_core.engine",
    "weft_core.observe",
    "weft_browser.main",
    "weft_browser.host",
    "weft_core.frames.cache.stored",
)
BORROWED = "/lib/msgpack.zip"
"""The wheel of msgpack, which is imported from only while a snapshot is made: extensions are not found in a zip."""


def warm() -> None:
    """Import what every start needs, so that the snapshot has it."""
    sys.path.append(BORROWED)
    for name in MODULES:
        packed.load(name)
    packed.importer.forget()
    sys.path.remove(BORROWED)
    sys.path_importer_cache.pop(BORROWED, None)
    gc.collect()


def wake() -> None:
    """Make this copy of a snapshot a process of its own. msgpack's wheel has been unpacked."""
    random.seed()  # from os.urandom, which the browser answers anew
    _exchange_msgpack()


def _exchange_msgpack() -> None:
    import msgpack

    from weft_core.codec import wire
    from weft_core.machine import sealed

    importlib.reload(msgpack)
    for name in ("Packer", "Unpacker", "unpackb"):
        setattr(wire, name, getattr(msgpack, name))
    importlib.reload(sealed)  # it made its packers when it was imported; its functions see the new ones

"""Suspended Python functions as values: compile, store, resume, look into.

:func:`durable` marks a function; :func:`snapshot` turns a graph of values with suspended functions in it into bytes;
:func:`restore` makes it again; :func:`evict` drops it from memory without running any of its authors' code;
:func:`stack` and :func:`peek` show where functions stand and what their variables are, live or from bytes.
"""

from __future__ import annotations

from weft_core.codec import register

from . import iterators, iterators_combined, iterators_composed, iterators_shared, runtime  # noqa: F401  (fill tables)
from .durable import durable
from .evict import evict
from .live import plan_of
from .load import load_source
from .mentions import known_names, mentions_of, value_of
from .peek import Opaque, peek
from .registry import REGISTRY
from .restore import Restored, restore
from .snapshot import snapshot
from .source import FunctionSource, source_of
from .views import FrameView, stack

register(runtime.Star, name="weft:Star")

__all__ = [
    "REGISTRY",
    "FrameView",
    "FunctionSource",
    "Opaque",
    "Restored",
    "durable",
    "evict",
    "known_names",
    "load_source",
    "mentions_of",
    "peek",
    "plan_of",
    "restore",
    "snapshot",
    "source_of",
    "stack",
    "value_of",
]

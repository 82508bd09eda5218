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
from .labels import Label
from .live import plan_of
from .load import load_source
from .mentions import known_names, mentions_of, value_of
from .nodes import NOTHING_PENDING
from .peek import Opaque, peek
from .plan import Plan, Root
from .registry import REGISTRY, shown_name, workflow_key
from .restore import Restored, restore
from .rewrite import StoredFrame, rewrite
from .snapshot import snapshot
from .source import FunctionSource, source_of
from .views import FrameView, stack

register(runtime.Star, name="weft:Star")

__all__ = [
    "NOTHING_PENDING",
    "REGISTRY",
    "FrameView",
    "FunctionSource",
    "Label",
    "Opaque",
    "Plan",
    "Restored",
    "Root",
    "StoredFrame",
    "durable",
    "evict",
    "known_names",
    "load_source",
    "mentions_of",
    "peek",
    "plan_of",
    "restore",
    "rewrite",
    "shown_name",
    "snapshot",
    "source_of",
    "stack",
    "value_of",
    "workflow_key",
]

"""Suspended Python functions as values: compile, store, resume, look into.

:func:`durable` marks a function; :func:`snapshot` turns a graph of values with suspended functions in it into bytes;
:func:`restore` makes it again; :func:`evict` drops it from memory without running any of its authors' code;
:func:`stack` and :func:`peek` show where functions stand and what their variables are, live or from bytes.

``source/`` finds the text of a function. ``plan_tree`` and ``compile`` make its two variants: ``desugar/`` rewrites
what suspends inside a statement, ``emit/`` writes the variants, ``runtime/`` is what they call, ``iterators/`` are
what they iterate with. ``checkpoint/`` stores, restores and evicts frames. ``cache/`` keeps what a build compiled.
"""

from __future__ import annotations

from weft_core.codec import register
from weft_core.frames.checkpoint.evict import evict
from weft_core.frames.checkpoint.peek import Opaque, peek
from weft_core.frames.checkpoint.restore import Restored, restore
from weft_core.frames.checkpoint.rewrite import StoredFrame, rewrite
from weft_core.frames.checkpoint.snapshot import snapshot
from weft_core.frames.durable import Refuse, durable
from weft_core.frames.labels import Label
from weft_core.frames.live import plan_of
from weft_core.frames.mentions import known_names, mentions_of, value_of
from weft_core.frames.nodes import NOTHING_PENDING
from weft_core.frames.plan import Plan, Root
from weft_core.frames.registry import REGISTRY, shown_name, workflow_key
from weft_core.frames.runtime.helpers import Star
from weft_core.frames.source.find import FunctionSource, source_of
from weft_core.frames.source.load import load_source
from weft_core.frames.views import FrameView, stack

register(Star, name="weft:Star")

__all__ = [
    "NOTHING_PENDING",
    "REGISTRY",
    "FrameView",
    "FunctionSource",
    "Label",
    "Opaque",
    "Plan",
    "Refuse",
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

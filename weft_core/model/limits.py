"""Documented maxima (G19) and sizes that steer memory use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Refused with a typed error before anything is written.

    ``max_live_runs`` is no refusal: it is how many parked runs stay in memory before the oldest are evicted.
    """

    max_payload_bytes: int = 2 * 1024 * 1024
    """Encoded input, activity argument list, activity result, signal payload."""
    max_heartbeat_bytes: int = 64 * 1024
    """Encoded details of a heartbeat: how far an activity has come, not what it has made."""
    max_headers_bytes: int = 8 * 1024
    """Names and values of the headers of a run or an operation, together."""
    max_checkpoint_bytes: int = 16 * 1024 * 1024
    max_mailbox: int = 10_000
    """Signals that wait unconsumed in one run."""
    max_branches: int = 1_000
    """Branches of one ``all`` or ``race``."""
    max_tasks: int = 10_000
    """Branches alive in one run."""
    max_nesting: int = 100
    """Groups within groups."""
    max_child_depth: int = 100
    """Children of children."""
    max_state_keys: int = 1_000
    """``ctx.state.execution`` values of one run, deleted ones too."""
    max_state_bytes: int = 16 * 1024 * 1024
    """All ``ctx.state.execution`` values of one run together, encoded. One value is a payload."""
    max_stream_chunk_bytes: int = 256 * 1024
    """One value written to a stream, encoded."""
    max_stream_entries: int = 1_000_000
    """Of one stream."""
    max_streams: int = 100
    """Of one run."""
    max_blob_bytes: int = 64 * 1024 * 1024
    """A result kept by ``ctx.offload``, encoded."""
    max_handoff_bytes: int = 64 * 1024 * 1024
    """A run with all its records, on its way to another engine."""
    max_id_bytes: int = 256
    """Run ids, idempotency keys, signal ids, names."""
    max_reason_bytes: int = 8 * 1024
    """A reason that somebody gives (``reason=``), and who it is (``by=``)."""
    max_bulk: int = 100_000
    """Runs of one bulk operation."""
    max_attributes: int = 64
    """Search attributes of one run."""
    max_attribute_name_bytes: int = 64
    max_attribute_bytes: int = 256
    """A search attribute that is text, each item of one that is a list, and a tag."""
    max_attribute_items: int = 64
    """Items of a search attribute that is a list."""
    max_tags: int = 64
    """Tags of one run."""
    max_live_runs: int = 1_000
    max_batch_turns: int = 512
    """Turns that share one commit."""
    feed_commits: int = 100_000
    """Commits whose events can be read engine-wide (``engine.tail()``); what is older is in the runs' histories."""


DEFAULT_LIMITS = Limits()

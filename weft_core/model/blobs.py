"""Large values kept outside of checkpoints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BlobRef:
    """Names a value that ``ctx.offload`` has stored: small, and good wherever it is handed to."""

    run_id: str
    key: str
    size: int
    """Of its encoded form, in bytes."""
    made: str
    """Which attempt of which step has made it: ``<step>.<attempt>``."""
